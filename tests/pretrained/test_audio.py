"""Pretrained sounds: what is packed, what is built, what is trained, what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from transformers import AutoModel, Wav2Vec2FeatureExtractor

from plait import ConfigError, Model, Schema
from plait.data import Kept, Masked, Table
from plait.modalities import Audio, Staged
from plait.modalities._quiet import quiet
from plait.modalities._without_weights import without_weights
from plait.training import keep, outputs

from .audio_kit import CELLS, EXTRACTORS, LAYERS, SAMPLE_NETS, WAVES, make, saved, sound

FAMILIES = [*SAMPLE_NETS, "audio-spectrogram-transformer", "whisper"]
MODES = ["frozen", "last:1", "lora", "full"]
TABLE = Table.of({"x": CELLS})
STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return make(tmp_path_factory.mktemp("wav2vec2"))


def fit(encoder: str, **options) -> Audio:
    return Audio(columns=("x",), encoder=encoder, **options).fit(TABLE)


def batch(part: Audio) -> Masked:
    cells = part.pack(TABLE).cells
    return cells.take(torch.arange(len(cells)))


@pytest.mark.parametrize(("family", "options"), [*[(each, {}) for each in FAMILIES],
                                                 ("wav2vec2", STABLE)])  # fmt: skip
def test_each_sound_has_what_the_library_gives_for_it_alone(tmp_path, family, options):
    part = fit(make(tmp_path / "net", family, **options))
    cells = batch(part)
    found = part.build(8).eval().still[0](cells)
    extract = EXTRACTORS.get(family, Wav2Vec2FeatureExtractor())
    with quiet():
        net = AutoModel.from_pretrained(tmp_path / "net").eval()
    assert cells.present.tolist() == [True] * 5 + [False]
    for row in (0, 1, 3):  # the third is shorter than one window
        samples = (WAVES[row] / 2**15).astype(np.float32)
        given = extract(samples, sampling_rate=16_000, return_tensors="pt")
        with torch.no_grad():
            if family == "whisper":
                states = net.get_encoder()(given["input_features"]).last_hidden_state[0]
                mine = found.values[row][found.mask[row]]
                states = states[: len(mine)]
                assert len(mine) == (len(samples) + 200) // 160 // 2 + 1
            elif family in EXTRACTORS:
                states, mine = net(given["input_values"]).pooler_output[0], found.values[row]
            else:
                states = net(given["input_values"]).last_hidden_state[0]
                mine = found.values[row][found.mask[row]]
        assert states.shape == mine.shape
        assert torch.allclose(mine, states, atol=1e-4)


@pytest.mark.parametrize("family", ["wav2vec2", "wavlm", "whisper",
                                    "audio-spectrogram-transformer"])  # fmt: skip
@pytest.mark.parametrize("junk", [float("nan"), 1e30])
def test_padding_and_what_is_masked_have_no_say(tmp_path, family, junk):
    part = fit(make(tmp_path / "net", family))
    packed = part.pack(TABLE).cells
    encode = part.build(8).eval()
    cells = packed.take(torch.arange(6))
    whole = encode(cells)
    assert whole.values.isfinite().all()
    assert whole.mask[:, 0].tolist() == cells.present.tolist()
    soiled = cells.values.clone()
    soiled[~cells.mask] = junk
    assert torch.equal(encode(Masked(soiled, cells.mask)).values[:5], whole.values[:5])
    for row in range(5):
        alone = encode(packed.take(torch.tensor([row]))).values[0]
        assert torch.allclose(alone, whole.values[row], atol=1e-4)


@pytest.mark.parametrize("tune", MODES)
def test_gradients_reach_what_is_tuned_and_nothing_else(folder, tune):
    encoder = fit(folder, tune=tune).build(8).train()
    cells = batch(fit(folder))
    encoder(cells).values[cells.present].square().sum().backward()
    got = {name for name, each in encoder.named_parameters() if each.grad is not None}
    free = {name for name, each in encoder.named_parameters() if each.requires_grad}
    assert got == free
    assert all(each.grad.isfinite().all() for each in encoder.parameters() if each.requires_grad)
    block, head = 16, 4
    wanted = {"frozen": head, "last:1": head + block, "lora": head + 2 * 2 * LAYERS}
    assert len(free) == wanted.get(tune, len(list(encoder.parameters())))


@pytest.mark.parametrize(("tune", "options"), [(tune, {}) for tune in MODES] + [("last:1", STABLE)])
def test_every_mode_begins_as_the_same_function(tmp_path, tune, options):
    encoder = make(tmp_path / "net", **options)
    plain, made = fit(encoder, tune="full").build(8).eval(), fit(encoder, tune=tune).build(8).eval()
    last = next(each for each in made.modules() if type(each).__name__ == "Projection")
    last.load_state_dict(plain[-1].state_dict())
    cells = batch(fit(encoder)).take(torch.arange(5))
    assert torch.allclose(made(cells).values, plain(cells).values, atol=1e-4)


@pytest.mark.parametrize(
    ("family", "tune"), [("wav2vec2", "last:1"), *[(each, "frozen") for each in FAMILIES[-3:]]]
)
def test_what_is_kept_gives_the_same_answers(tmp_path, family, tune):
    table = {"x": [*CELLS, CELLS[0]], "sold": [n % 2 == 0 for n in range(7)]}
    inputs = {"x": Audio(encoder=make(tmp_path / "net", family), tune=tune)}
    schema = Schema.infer(table, ["sold"], inputs).fit(table)
    pack = schema.pack(table)
    model = Model(schema, 8).eval()
    for weight in model.heads.parameters():
        torch.nn.init.normal_(weight)
    rows: list[int] = []
    assert isinstance(model.encoders[0], Staged)
    model.encoders[0].still.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
    kept = keep(model, pack)
    assert sum(rows) == 5  # each different sound once
    expected = outputs(model, pack)["sold"]
    rows.clear()
    assert torch.allclose(outputs(model, kept)["sold"], expected, atol=1e-4)
    assert rows == []


def test_fitted_survives_json_and_weights_come_from_elsewhere(folder, tmp_path):
    home = tmp_path / "net"
    shutil.copytree(folder.removeprefix("hf:"), home)
    part = fit(f"hf:{home}")
    again = TypeAdapter(Audio).validate_json(TypeAdapter(Audio).dump_json(part))
    assert again == part
    state, cells = part.build(8).state_dict(), batch(part)
    shutil.rmtree(home)
    with without_weights():
        bare = again.build(8)
    bare.load_state_dict(state)
    assert bare.eval()(cells).values.isfinite().all()
    with pytest.raises(ConfigError, match="There is no such folder"):
        again.build(8)


def test_augment_leaves_sounds_alone_and_files_are_named(folder):
    part = fit(folder)
    cells = batch(part)
    assert part.augment(cells, lambda count: torch.zeros(6, count)) is cells
    kept = Kept(torch.zeros(1, 4), torch.ones(1).bool())
    assert (
        Audio(columns=("x",)).fit(TABLE).augment(kept, lambda count: torch.zeros(1, count)) is kept
    )
    names = {path.name for path in part.files(TABLE)}
    assert names == {"config.json", "model.safetensors", "preprocessor_config.json"}


def test_what_is_longer_than_the_net_takes_is_cut(tmp_path):
    part = fit(make(tmp_path / "net", "whisper"))
    packed = part.pack(Table.of({"x": [saved(sound(0, 20_000)), saved(sound(0, 16_000))]}))
    assert [str(note) for note in packed.notes] == ["x: 1 cut to 1 seconds"]
    cells = packed.cells.take(torch.arange(2))
    assert torch.equal(cells.values[0], cells.values[1])
    assert part.build(8).eval()(cells).values.isfinite().all()


@pytest.mark.parametrize(("option", "value"), [("mels", 40), ("rate", 8000), ("shift", 0.0),
                                               ("masks", 2)])  # fmt: skip
def test_options_of_the_scratch_encoder_are_refused(folder, option, value):
    with pytest.raises(ConfigError, match=f"`{option}` should be left out for a pretrained"):
        fit(folder, **{option: value})


@pytest.mark.parametrize(
    ("family", "tune", "told"),
    [("wav2vec2", "last:3", "at most 'last:2'"), ("whisper", "last:1", "one of these families"),
     ("wavlm", "last:1", "one of these families"), ("wavlm", "lora", "past any adapter")],
)  # fmt: skip
def test_what_cannot_be_tuned_so_is_refused_before_a_sound_is_read(tmp_path, family, tune, told):
    part = Audio(columns=("x",), encoder=make(tmp_path / "net", family), tune=tune)
    with pytest.raises(ConfigError, match=told):
        part.fit(Table.of({"x": ["nowhere.wav"]}))


@pytest.mark.parametrize(
    ("part", "values", "told"),
    [("config.json", {"model_type": "bert"}, "should be a sound encoder of one of these"),
     ("config.json", {"conv_pos_batch_norm": True}, "normalize each sound by itself"),
     ("config.json", {"conv_stride": [5, 4, 4]}, "overlap by half at most"),
     ("preprocessor_config.json", {"sampling_rate": "much"}, "in plain numbers. Found sampling"),
     ("preprocessor_config.json", {"sampling_rate": 7}, "in plain numbers. Found sampling_rate 7")],
)  # fmt: skip
def test_a_folder_that_does_not_fit_is_refused(folder, tmp_path, part, values, told):
    home = tmp_path / "net"
    shutil.copytree(folder.removeprefix("hf:"), home)
    path = Path(home) / part
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(ConfigError, match=told):
        fit(f"hf:{home}")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_file_that_is_not_there_is_named(folder, tmp_path, name):
    home = tmp_path / "net"
    shutil.copytree(folder.removeprefix("hf:"), home)
    (home / name).unlink()
    with pytest.raises(ConfigError, match=name):
        fit(f"hf:{home}")


def test_an_extractor_of_another_net_is_refused(tmp_path):
    encoder = make(tmp_path / "net", "whisper")
    path = tmp_path / "net" / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "feature_size": 80}))
    with pytest.raises(ConfigError, match="It gives 80 bands and 100 frames"):
        fit(encoder)


def test_other_weights_than_those_fitted_are_refused(folder, tmp_path):
    part = replace(fit(folder), encoder=make(tmp_path / "net", seed=3))
    with pytest.raises(ConfigError, match="another SHA-256"):
        part.build(8)
