"""Ways to tune a pretrained picture encoder, and what is kept of it."""

import shutil

import pytest
import torch

import plait
from plait import ConfigError, Image, Learner, Model, Numeric, Schema, Table, Training
from plait.data import Repeated
from plait.fusion import Mean
from plait.modalities import Staged
from plait.training import keep

ROWS = 8
TUNES = ["frozen", "last:1", "lora", "full"]


@pytest.fixture(scope="module")
def table(photo) -> dict[str, list]:
    photos = [photo(40, 36, seed=n % 3) for n in range(ROWS)]
    return {
        "photo": [None if n == 5 else each for n, each in enumerate(photos)],
        "age": [float(n) for n in range(ROWS)],
        "sold": [n % 2 == 0 for n in range(ROWS)],
    }


@pytest.fixture
def model(table, picture_folder):
    def made(tune: str, encoder: str = picture_folder, **options):
        inputs = {"photo": Image(encoder=encoder, tune=tune, **options), "age": Numeric()}
        schema = Schema.infer(table, ["sold"], inputs).fit(table)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            model = Model(schema, 8, fusion=Mean).eval()
            for weight in model.heads.parameters():
                torch.nn.init.normal_(weight)
        return model, schema.pack(table)

    return made


def outputs(model, pack) -> torch.Tensor:
    with torch.no_grad():
        return model(pack[torch.arange(ROWS)].inputs)["sold"]


@pytest.mark.parametrize("tune", ["last:1", "lora", "full"])
def test_all_ways_begin_at_the_same_vector(model, tune):
    net, pack = model(tune)
    encoder, cells = net.encoders[list(net.inputs).index("photo")], pack.inputs["photo"]
    whole = model("frozen")[0].encoders[0].still(cells).values
    parts = list(encoder.tuned if tune == "last:1" else encoder)
    if isinstance(encoder, Staged):
        cells = encoder.still(cells)
    for part in parts[:-1]:
        cells = part(cells)
    assert torch.allclose(cells.values[cells.mask], whole[cells.mask], atol=1e-4)


@pytest.mark.parametrize("tune", TUNES)
def test_only_what_is_tuned_gets_a_gradient(model, tune):
    net, pack = model(tune)
    net.train()
    net(pack[torch.arange(ROWS)].inputs)["sold"].sum().backward()
    got = {name for name, weight in net.encoders[0].named_parameters()
           if weight.grad is not None and weight.grad.abs().max() > 0}  # fmt: skip
    blocks = {name.split("blocks.")[1][0] for name in got if "blocks." in name}
    lora = [name for name in got if "lora_B" in name]
    inner = [name for name in got if ".project." not in name and not name.endswith("gain")]
    assert any("project" in name for name in got)
    assert {"frozen": not inner, "last:1": blocks == {"0"} and all("tuned" in n for n in inner),
            "lora": lora and all("lora" in n for n in inner),
            "full": any("patch_embeddings" in n for n in inner)}[tune]  # fmt: skip


@pytest.mark.parametrize("tune", ["frozen", "last:1"])
def test_what_is_kept_changes_no_answer_and_is_run_once(model, table, tune, tmp_path):
    net, pack = model(tune)
    expected = outputs(net, pack)
    rows: list[int] = []
    net.encoders[0].still.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
    kept = keep(net, pack, cache=tmp_path)
    assert sum(rows) == 3  # different pictures
    assert isinstance(kept.inputs["photo"], Repeated)
    assert torch.allclose(outputs(net, kept), expected, atol=1e-5)
    rows.clear()
    again = keep(net, pack, cache=tmp_path)
    assert rows == []
    assert torch.equal(outputs(net, again), outputs(net, kept))


@pytest.mark.parametrize("tune", TUNES)
def test_what_an_absent_picture_holds_changes_nothing(model, tune):
    net, pack = model(tune)
    cells = pack.inputs["photo"]
    assert not cells.mask[5]
    encoder = net.encoders[0]
    with torch.no_grad():
        expected = encoder(cells)
        cells.values[5] = 255
        found = encoder(cells)
    there = expected.mask[:, 0]
    assert torch.equal(found.values[there], expected.values[there])
    assert found.values.isfinite().all()


def test_batch_norms_keep_their_statistics(making_picture, tmp_path, model):
    net, pack = model("full", making_picture(tmp_path, "resnet"))
    net.train()
    before = {name: each.clone() for name, each in net.named_buffers()}
    cells = pack.inputs["photo"]
    reader = net.encoders[0][0]
    whole, alone = reader(cells).values, reader(cells.take(torch.arange(1))).values
    assert torch.allclose(whole[:1], alone, atol=1e-5)
    assert all(torch.equal(each, before[name]) for name, each in net.named_buffers())


def test_a_net_works_in_other_kinds_of_numbers(model):
    net, pack = model("frozen")
    encoder, cells = net.encoders[0], pack.inputs["photo"]
    expected = encoder(cells).values
    with torch.autocast("cpu", torch.bfloat16):
        assert (encoder(cells).values - expected).abs().max() < 0.1
    assert encoder.double()(cells).values.dtype == torch.float64


@pytest.mark.parametrize("tune", TUNES)
def test_a_saved_model_needs_no_folder(making_picture, table, tmp_path, tune):
    photo = {"type": "Image", "encoder": making_picture(tmp_path / "net"), "tune": tune}
    made = Learner(["sold"], {"photo": photo}, width=8,
                   training=Training(epochs=1, device="cpu")).fit(table)  # fmt: skip
    expected = made.predict(table)
    made.save(tmp_path / "model")
    shutil.rmtree(tmp_path / "net")
    again = plait.load(tmp_path / "model")
    assert again.predict(table) == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [({"tune": "full"}, "`tune` should be left out for the encoder 'scratch'"),
     ({"layer_decay": 0.5}, "`layer_decay` should be left out for the encoder 'scratch'"),
     ({"encoder": "hf:FOLDER", "layer_decay": 0.5}, "for `tune='frozen'`"),
     ({"encoder": "hf:FOLDER", "tune": "lora", "layer_decay": 0.5}, "for `tune='lora'`"),
     ({"encoder": "hf:FOLDER", "tune": "last:3"}, "at most 'last:2'")],
)  # fmt: skip
def test_options_that_do_not_go_together_are_told(picture_folder, photo, options, told):
    if "encoder" in options:
        options = {**options, "encoder": picture_folder}
    with pytest.raises(ConfigError) as found:
        Image(columns=("x",), **options).fit(Table.of({"x": [photo()]}))
    assert told in str(found.value)


@pytest.mark.parametrize("tune", ["last:1", "lora"])
def test_a_conv_net_is_frozen_or_tuned_as_a_whole(making_picture, photo, tmp_path, tune):
    encoder = making_picture(tmp_path, "resnet")
    with pytest.raises(ConfigError, match="Take 'frozen'"):
        Image(columns=("x",), encoder=encoder, tune=tune).fit(Table.of({"x": [photo()]}))
