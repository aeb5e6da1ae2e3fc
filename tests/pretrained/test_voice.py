"""Voices through a GE2E encoder: its frames, its windows, what is trained and what is refused."""

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

import plait
from plait import ConfigError, Learner, Model, Schema, Training
from plait.data import Masked, Table
from plait.modalities import Audio, Staged
from plait.modalities._ge2e_file import Ge2eFile
from plait.modalities._ge2e_frames import Ge2eFrames
from plait.modalities._ge2e_net import Ge2eNet
from plait.modalities._without_weights import without_weights
from plait.training import keep, outputs

from .audio_kit import RATE, saved, sound

HIDDEN, LAYERS, FEATURES = 6, 2, 5
LENGTHS = [3000, 40_000, 25_600, 159, 70_001, 44_000, 3000]
WAVES = [sound(number % 6, length) for number, length in enumerate(LENGTHS)]
CELLS = [*[saved(each) for each in WAVES], None]
TABLE = Table.of({"x": CELLS})


def state(seed: int = 0, layers: int = LAYERS) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        lstm = torch.nn.LSTM(40, HIDDEN, layers, batch_first=True)
        linear = torch.nn.Linear(HIDDEN, FEATURES)
    found = {f"lstm.{name}": each.detach() for name, each in lstm.named_parameters()}
    found |= {f"linear.{name}": each.detach() for name, each in linear.named_parameters()}
    found = {name: 2 * each for name, each in found.items()}
    for layer in range(layers):
        found[f"lstm.bias_hh_l{layer}"][HIDDEN : 2 * HIDDEN] += (
            4.0  # forgets little, as trained ones
        )
    return found


def make(path: Path, weights: dict | None = None, seed: int = 0) -> str:
    """A checkpoint as the published training writes it, with all that it needs beside the net."""
    known = state(seed) if weights is None else weights
    net = {"similarity_weight": torch.ones(1), "similarity_bias": torch.zeros(1), **known}
    moments = {"state": {0: {"step": 3, "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 1e-4}]}
    torch.save({"step": 3, "model_state": net, "optimizer_state": moments}, path)
    return f"ge2e:{path}"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> str:
    return make(tmp_path_factory.mktemp("voice") / "pretrained.pt")


def fit(encoder: str, **options) -> Audio:
    return Audio(columns=("x",), encoder=encoder, **options).fit(TABLE)


def batch(part: Audio) -> Masked:
    cells = part.pack(TABLE).cells
    return cells.take(torch.arange(len(cells)))


def samples(row: int) -> np.ndarray:
    return (WAVES[row] / 2**15).astype(np.float32)


def louder(wave: np.ndarray) -> np.ndarray:
    """`normalize_volume` of Resemblyzer 0.1.4, with `increase_only`."""
    full = 2**15 - 1
    level = 20 * np.log10(np.sqrt(np.mean((wave.astype(float) * full) ** 2)) / full)
    return wave * 10 ** (max(0.0, -30 - level) / 20)


def published_frames(wave: np.ndarray) -> np.ndarray:
    """`wav_to_mel_spectrogram` of Resemblyzer 0.1.4, and what it calls of librosa 0.11."""
    padded = np.concatenate([np.zeros(200), wave, np.zeros(200)])
    hann = np.sin(np.pi * np.arange(400) / 400) ** 2
    angles = np.exp(-2j * np.pi * np.outer(np.arange(400), np.arange(201)) / 400)

    def hz(mel: float) -> float:
        return 200 * mel / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    top = 15 + 27 * np.log(8) / np.log(6.4)
    assert hz(top) == pytest.approx(8000)
    edges = [hz(top * number / 41) for number in range(42)]
    bands = np.zeros((201, 40))
    for number in range(40):
        low, middle, high = edges[number : number + 3]
        for frequency in range(201):
            up = (40 * frequency - low) / (middle - low)
            down = (high - 40 * frequency) / (high - middle)
            bands[frequency, number] = max(0, min(up, down)) * 2 / (high - low)
    count = 1 + (len(padded) - 400) // 160
    return np.stack([
        np.abs((padded[160 * t : 160 * t + 400] * hann) @ angles) ** 2 @ bands for t in range(count)
    ])  # fmt: skip


def published_vector(wave: np.ndarray, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """`VoiceEncoder.embed_utterance` of Resemblyzer 0.1.4, with its own words."""
    n_samples, rate, min_coverage = len(wave), 1.3, 0.75
    n_frames = int(np.ceil((n_samples + 1) / 160))
    frame_step = int(np.round((16_000 / rate) / 160))
    starts = list(range(0, max(1, n_frames - 160 + frame_step + 1), frame_step))
    coverage = (n_samples - 160 * starts[-1]) / (160 * 160)
    if coverage < min_coverage and len(starts) > 1:
        starts = starts[:-1]
    longest = 160 * (starts[-1] + 160)
    if longest >= len(wave):
        wave = np.pad(wave, (0, longest - len(wave)))
    mel = published_frames(wave)
    mels = torch.from_numpy(np.stack([mel[start : start + 160] for start in starts])).float()
    size = weights["lstm.weight_hh_l0"].shape[1]
    layers = sum("weight_ih" in name for name in weights)
    lstm = torch.nn.LSTM(40, size, layers, batch_first=True)
    lstm.load_state_dict({n.removeprefix("lstm."): e for n, e in weights.items() if "lstm" in n})
    with torch.no_grad():
        _, (hidden, _) = lstm(mels)
        raw = torch.relu(hidden[-1] @ weights["linear.weight"].T + weights["linear.bias"])
        mean = (raw / torch.norm(raw, dim=1, keepdim=True)).mean(0)
    return mean / mean.norm()


def test_frames_are_the_published_ones():
    for row in range(7):
        wave = samples(row) * (0.01 if row == 4 else 1.0)  # one that is made louder
        expected = published_frames(louder(wave))
        found, lengths = Ge2eFrames().of([wave])
        assert lengths.tolist() == [len(expected) + 2]
        assert np.allclose(found[:-2], expected, rtol=1e-4, atol=1e-7)


def test_frames_beyond_the_end_are_those_of_a_sound_with_silence_behind_it():
    for length in (1599, 1600, 1721, 1759):
        wave = np.random.default_rng(length).normal(0, 0.3, length)
        found, _ = Ge2eFrames().of([wave])
        longer = published_frames(np.pad(louder(wave), (0, 1600)))
        assert np.allclose(found, longer[: len(found)], rtol=1e-4, atol=1e-7)
        assert np.abs(longer[len(found) :]).max() == 0


def test_silence_stays_silent():
    found, lengths = Ge2eFrames().of([np.zeros(500), np.zeros(0)])
    assert lengths.tolist() == [6, 0]
    assert found.isfinite().all()
    assert found.abs().max() == 0


def test_each_sound_has_the_published_vector(encoder):
    part = fit(encoder)
    cells = batch(part)
    staged = part.build(8).eval()
    assert isinstance(staged, Staged)
    found = staged.still(cells)
    assert found.mask.tolist() == [True] * 7 + [False]
    for row in range(7):
        expected = published_vector(louder(samples(row)), state())
        assert torch.allclose(found.values[row], expected, atol=1e-5)
    assert not torch.allclose(found.values[0], found.values[1], atol=1e-2)


def test_a_last_window_counts_from_three_quarters_on():
    # 77 frames to the second window, 120 of its own: as the published code counts samples.
    lengths = [160 * 159, 160 * 160, 160 * 197 - 1, 160 * 197, 160 * 274 - 1, 160 * 274]
    frames = torch.tensor([1 + length // 160 for length in lengths])
    assert Ge2eNet._counts(frames).tolist() == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("junk", [float("nan"), 1e30])
def test_padding_and_what_is_masked_have_no_say(encoder, junk):
    part = fit(encoder)
    packed = part.pack(TABLE).cells
    encode = part.build(8).eval()
    cells = packed.take(torch.arange(8))
    whole = encode(cells)
    assert whole.values.isfinite().all()
    assert whole.mask[:, 0].tolist() == cells.present.tolist()
    soiled = cells.values.clone()
    soiled[~cells.mask] = junk
    assert torch.equal(encode(Masked(soiled, cells.mask)).values[:7], whole.values[:7])
    for row in range(7):
        alone = encode(packed.take(torch.tensor([row]))).values[0]
        assert torch.allclose(alone, whole.values[row], atol=1e-4)
    nothing = encode(packed.take(torch.tensor([7])))
    assert not nothing.mask.any()
    assert nothing.values.isfinite().all()


@pytest.mark.parametrize("tune", ["frozen", "full"])
def test_gradients_reach_what_is_tuned_and_nothing_else(encoder, tune):
    part = fit(encoder, tune=tune)
    made, cells = part.build(8).train(), batch(part)
    made(cells).values[cells.present].square().sum().backward()
    grads = {name: each.grad for name, each in made.named_parameters() if each.grad is not None}
    assert set(grads) == {name for name, each in made.named_parameters() if each.requires_grad}
    assert all(each.isfinite().all() and each.abs().sum() > 0 for each in grads.values())
    assert len(grads) == 4 + (tune == "full") * (4 * LAYERS + 2)


def test_each_lstm_has_its_own_rate(encoder):
    net = fit(encoder, tune="full", layer_decay=0.5).build(8)[0]
    paces, told = net.paces(), dict(net.named_parameters())
    below, above = (paces[id(told[f"layers.{number}.weight_ih_l0"])] for number in (0, 1))
    assert below == pytest.approx(above / 2)
    assert paces[id(told["linear.weight"])] == above == 0.025


def test_what_is_kept_gives_the_same_answers_and_its_key_knows_the_weights(encoder, tmp_path):
    table = {"x": CELLS, "sold": [n % 2 == 0 for n in range(8)]}
    schema = Schema.infer(table, ["sold"], {"x": Audio(encoder=encoder)}).fit(table)
    pack, model = schema.pack(table), Model(schema, 8).eval()
    for weight in model.heads.parameters():
        torch.nn.init.normal_(weight)
    rows: list[int] = []
    staged = model.encoders[0]
    assert isinstance(staged, Staged)
    assert staged.vouched
    staged.still.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
    kept = keep(model, pack)
    assert sum(rows) == 6  # each different sound once
    expected = outputs(model, pack)["sold"]
    rows.clear()
    assert torch.allclose(outputs(model, kept)["sold"], expected, atol=1e-4)
    assert rows == []
    other = fit(make(tmp_path / "other.pt", seed=1)).build(8)
    assert staged.key == fit(encoder).build(4).key != other.key


@pytest.mark.parametrize("tune", ["frozen", "full"])
def test_a_saved_model_needs_no_file(tmp_path, tune):
    path = tmp_path / "pretrained.pt"
    table = {"x": [*CELLS, *CELLS], "sold": [n % 2 == 0 for n in range(16)]}
    part = {"type": "Audio", "encoder": make(path), "tune": tune}
    made = Learner(["sold"], {"x": part}, width=8, training=Training(epochs=1, device="cpu"))
    made = made.fit(table)
    expected = made.predict(table)
    made.save(tmp_path / "model")
    path.unlink()
    assert plait.load(tmp_path / "model").predict(table) == expected


def test_fitted_survives_json_and_weights_come_from_elsewhere(tmp_path):
    part = fit(make(tmp_path / "pretrained.pt"))
    again = TypeAdapter(Audio).validate_json(TypeAdapter(Audio).dump_json(part))
    assert again == part
    weights, cells = part.build(8).state_dict(), batch(part)
    (tmp_path / "pretrained.pt").unlink()
    with without_weights():
        bare = again.build(8)
    bare.load_state_dict(weights)
    assert bare.eval()(cells).values.isfinite().all()
    with pytest.raises(ConfigError, match="There is no file"):
        again.build(8)


def test_sounds_of_another_rate_are_brought_to_its_own(encoder):
    pytest.importorskip("soxr")
    packed = fit(encoder).pack(Table.of({"x": [saved(WAVES[0], 8000)]}))
    assert [str(note) for note in packed.notes] == ["x: 1 resampled from 8000 Hz to 16000 Hz"]
    assert int(packed.cells.take(torch.tensor([0])).mask.sum()) == 1 + 6000 // 160 + 2


def test_a_folder_stands_for_its_file_and_bare_tensors_will_do(encoder, tmp_path):
    shutil.copy(encoder.removeprefix("ge2e:"), tmp_path / "pretrained.pt")
    folder = f"ge2e:{tmp_path}"
    assert [path.name for path in fit(folder).files(TABLE)] == ["pretrained.pt"]
    torch.save(state(), tmp_path / "bare.pt")
    bare = fit(f"ge2e:{tmp_path / 'bare.pt'}")
    assert torch.equal(bare.build(8).still(batch(bare)).values,
                       fit(folder).build(8).still(batch(bare)).values)  # fmt: skip


# What is refused, before any sound is read.


def refused(encoder: str, **options) -> None:
    Audio(columns=("x",), encoder=encoder, **options).fit(Table.of({"x": ["nowhere.wav"]}))


@pytest.mark.parametrize("tune", ["lora", "last:1"])
def test_what_it_cannot_be_tuned_by_is_refused(encoder, tune):
    with pytest.raises(ConfigError, match="should be 'frozen' or 'full' for a GE2E voice encoder"):
        refused(encoder, tune=tune)


def test_a_path_to_nothing_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"There is no file '.*none\.pt'\. Mend the path"):
        refused(f"ge2e:{tmp_path / 'none.pt'}")
    with pytest.raises(ConfigError, match=r"a folder with 'pretrained\.pt'"):
        refused(f"ge2e:{tmp_path}")


@pytest.mark.parametrize(
    ("drop", "told"),
    [(["linear.bias"], r"1 of 10 are not there: 'linear\.bias'"),
     (["lstm.bias_hh_l0", "lstm.weight_hh_l1"], r"2 of 10 are not there: 'lstm\.bias_hh_l0', "),
     (list(state()), r"14 of 14 are not there: 'lstm\.weight_ih_l0'")],
    ids=["one", "two", "all"],
)  # fmt: skip
def test_tensors_that_are_not_there_are_named(tmp_path, drop, told):
    weights = {name: each for name, each in state().items() if name not in drop}
    with pytest.raises(ConfigError, match=told):
        refused(make(tmp_path / "pretrained.pt", weights))


@pytest.mark.parametrize(
    ("name", "shape", "told"),
    [("lstm.weight_ih_l0", (24, 80), r"'lstm\.weight_ih_l0 \[24, 80\] for \[24, 40\]'"),
     ("linear.weight", (5, 7), r"'linear\.weight \[5, 7\] for \[5, 6\]'"),
     ("lstm.weight_hh_l0", (), "of another shape")],
)  # fmt: skip
def test_tensors_of_another_shape_are_named(tmp_path, name, shape, told):
    with pytest.raises(ConfigError, match=told):
        refused(make(tmp_path / "pretrained.pt", {**state(), name: torch.zeros(shape)}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(tmp_path, value):
    weights = state()
    weights["lstm.bias_ih_l1"][2] = value
    with pytest.raises(ConfigError, match=r"1 of 10 hold NaN or infinity: 'lstm\.bias_ih_l1'"):
        refused(make(tmp_path / "pretrained.pt", weights))


class Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize("content", [b"", b"x" * 100, {"model_state": {"a": Evil()}}, [1]],
                         ids=["nothing", "noise", "evil", "list"])  # fmt: skip
def test_a_file_with_more_than_tensors_is_told_and_not_run(tmp_path, content, capsys):
    path = tmp_path / "pretrained.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ConfigError, match="should be a table of tensors"):
        refused(f"ge2e:{path}")
    assert capsys.readouterr().out == ""


def test_other_weights_than_those_fitted_are_refused(encoder, tmp_path):
    part = replace(fit(encoder), encoder=make(tmp_path / "other.pt", seed=3))
    with pytest.raises(ConfigError, match="another SHA-256"):
        part.build(8)


def test_a_schema_that_says_no_shape_is_told(encoder):
    part = fit(encoder)
    broken = replace(part, fitted=replace(part.fitted, config=json.dumps({"layers": 2})))
    with pytest.raises(ConfigError, match="should say its shape"):
        broken.build(8)


@pytest.mark.parametrize(("option", "value"), [("mels", 40), ("rate", 16_000), ("masks", 0)])
def test_options_of_the_scratch_encoder_are_refused(encoder, option, value):
    with pytest.raises(ConfigError, match=f"`{option}` should be left out for a pretrained"):
        refused(encoder, **{option: value})


@pytest.mark.slow
def test_the_weights_of_the_package_give_its_own_vectors():
    found = importlib.util.find_spec("resemblyzer")  # which is not imported: it wants much else
    if found is None or not found.submodule_search_locations:
        pytest.skip("no resemblyzer: pip install --no-deps resemblyzer")
    part = fit(f"ge2e:{found.submodule_search_locations[0]}")
    weights = Ge2eFile.of(part.encoder).state
    assert json.loads(Ge2eFile.of(part.encoder).config) == {
        "layers": 3, "hidden": 256, "features": 256}  # fmt: skip
    vectors = part.build(8).still(batch(part)).values
    for row in range(7):
        assert torch.allclose(
            vectors[row], published_vector(louder(samples(row)), weights), atol=1e-5
        )
    assert part.fitted.rate == RATE
