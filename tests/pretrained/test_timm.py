"""Pictures through nets of the timm library."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

import plait
from plait import ConfigError, Image, Learner, Table, Training
from plait.data import Masked
from plait.modalities import Staged
from plait.modalities._timm_file import TimmFile
from plait.modalities._timm_net import _load

NET, LOOKING = "test_efficientnet", "test_vit"


@pytest.fixture(scope="module")
def timm():
    return pytest.importorskip(
        "timm",
        reason="no timm, or a torchvision of another torch: pip install 'plait[images]'",
        exc_type=ImportError,
    )


@pytest.fixture
def weights(timm, tmp_path):
    def saved(name: str = NET, kind: str = ".safetensors") -> Path:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            state = timm.create_model(name).state_dict()
        state = {key: each.contiguous() for key, each in state.items()}
        for key, each in state.items():
            if "running_mean" in key:
                each.normal_(generator=torch.Generator().manual_seed(1))
        path = tmp_path / f"weights{kind}"
        if kind == ".safetensors":
            safetensors.torch.save_file(state, path)
        else:
            torch.save({"state_dict": state} if kind == ".pt" else state, path)
        return path

    return saved


def fit(encoder: str, photos: list, **options) -> tuple[Image, Masked]:
    table = Table.of({"x": photos})
    part = Image(columns=("x",), encoder=encoder, **options).fit(table)
    cells = part.pack(table).cells
    assert isinstance(cells, Masked)
    return part, cells


@pytest.mark.parametrize("kind", [".safetensors", ".pth", ".pt"])
@pytest.mark.parametrize("name", [NET, LOOKING])
def test_a_vector_is_what_timm_itself_gives(timm, weights, photo, name, kind):
    path = weights(name, kind)
    part, cells = fit(f"timm:{name}:{path}", [photo(200, 180), photo(160, 400, seed=1)])
    staged = part.build(8)
    assert isinstance(staged, Staged)
    net = timm.create_model(name, num_classes=0).eval()
    state = TimmFile(name, path).state()
    net.load_state_dict({key: each for key, each in state.items() if key in net.state_dict()})
    told = timm.data.resolve_model_data_config(net)
    assert (part.size, part.fitted.edge) == (160, int(160 / told["crop_pct"]))
    pixels = cells.values.float() / 255
    mean, std = (torch.tensor(told[key]).view(-1, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        expected = net((pixels - mean) / std)
    found = staged.still(cells).values
    assert torch.allclose(found, expected, atol=1e-4)
    assert found.shape == (2, part.fitted.features)


def test_a_folder_stands_for_its_weights(weights, tmp_path):
    weights().rename(tmp_path / "model.safetensors")
    assert TimmFile.of(f"timm:{NET}:{tmp_path}").path == tmp_path / "model.safetensors"


@pytest.mark.parametrize("tune", ["frozen", "lora", "full"])
def test_a_saved_model_needs_no_file(weights, photo, tmp_path, tune):
    path = weights(LOOKING)
    table = {"x": [photo(seed=n % 2) for n in range(8)], "sold": [n % 2 == 0 for n in range(8)]}
    part = {"type": "Image", "encoder": f"timm:{LOOKING}:{path}", "tune": tune}
    made = Learner(["sold"], {"x": part}, width=8, training=Training(epochs=1, device="cpu"))
    made = made.fit(table)
    expected = made.predict(table)
    made.save(tmp_path / "model")
    path.unlink()
    assert plait.load(tmp_path / "model").predict(table) == expected


def test_lora_sits_beside_the_joined_queries_and_values(weights, photo):
    part, cells = fit(f"timm:{LOOKING}:{weights(LOOKING)}", [photo()], tune="lora")
    module = part.build(8)
    module(cells).values.sum().backward()
    moved = {name for name, each in module.named_parameters() if each.grad is not None}
    assert all("lora_" in n or "project" in n or n.endswith("gain") for n in moved)
    assert any("qkv.lora_B" in name for name in moved)


@pytest.mark.parametrize(
    ("name", "tune", "told"),
    [(LOOKING, "last:1", "the nets of timm have no list of blocks in common"),
     (NET, "lora", "Found no such module")],
)  # fmt: skip
def test_a_way_to_tune_that_does_not_fit_is_told(weights, photo, name, tune, told):
    with pytest.raises(ConfigError, match=told):
        fit(f"timm:{name}:{weights(name)}", [photo()], tune=tune)


def test_weights_of_another_net_are_told(weights, photo):
    part, _ = fit(f"timm:{NET}:{weights(LOOKING)}", [photo()])
    with pytest.raises(ConfigError, match="should be those of its net") as found:
        part.build(8)
    assert "are not there" in str(found.value)
    assert "are not of this net" in str(found.value)


def test_weights_of_another_shape_are_told(weights, photo):
    path = weights()
    state = safetensors.torch.load_file(path)
    state["conv_stem.weight"] = state["conv_stem.weight"][:, :1].contiguous()
    safetensors.torch.save_file(state, path)
    part, _ = fit(f"timm:{NET}:{path}", [photo()])
    with pytest.raises(ConfigError, match=r"1 are of another shape: 'conv_stem\.weight \[\d+, 1,"):
        part.build(8)


def test_weights_that_changed_since_the_fit_are_told(weights, photo):
    path = weights()
    part, _ = fit(f"timm:{NET}:{path}", [photo()])
    state = safetensors.torch.load_file(path)
    safetensors.torch.save_file({key: each + 1 for key, each in state.items()}, path)
    with pytest.raises(ConfigError, match="another SHA-256"):
        part.build(8)


def test_a_net_that_nobody_knows_is_told(weights, photo):
    with pytest.raises(ConfigError, match=r"It knows no 'test_nothing'\. It knows: .*test_byobnet"):
        fit(f"timm:test_nothing:{weights()}", [photo()])


def test_weights_that_cannot_be_fetched_are_told(timm, monkeypatch, photo):
    original = timm.create_model

    def offline(name, pretrained=False, **options):
        if pretrained:
            raise OSError("no network")
        return original(name, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ConfigError, match="no network Give a file: 'timm:test_efficientnet:PATH'"):
        fit(f"timm:{NET}", [photo()])


def test_a_wrong_config_in_a_schema_is_told(weights, photo):
    part, _ = fit(f"timm:{NET}:{weights()}", [photo()])
    broken = replace(part, fitted=replace(part.fitted, config='{"timm": 3'))
    with pytest.raises(ConfigError):
        broken.build(8)


# What follows needs no timm.


@pytest.mark.parametrize(
    ("encoder", "told"),
    [("timm:", "should match pattern|string_pattern|Input should"),
     ("timm:a/b", "written 'timm:NAME', or 'timm:NAME:PATH'"),
     ("timm:net:/none/weights.pth", "Found no such file: '/none/weights.pth'"),
     ("timm:net:NOTE", "a file that ends in one of")],
)  # fmt: skip
def test_what_names_no_net_is_told(tmp_path, photo, encoder, told):
    (tmp_path / "note.txt").write_text("a")
    with pytest.raises(ValueError, match=told):
        fit(encoder.replace("NOTE", str(tmp_path / "note.txt")), [photo()])


def test_weights_that_are_no_numbers_are_named():
    net = torch.nn.Linear(2, 3)
    net.pretrained_cfg = {}
    given = {"weight": torch.full((3, 2), float("nan")), "bias": torch.zeros(3)}
    with pytest.raises(ConfigError, match="1 of 2 hold NaN or infinity: 'weight'"):
        _load(net, given, "timm:net")
    _load(net, {**given, "weight": torch.ones(3, 2)}, "timm:net")
    assert net.weight.tolist() == [[1, 1]] * 3


class Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    "content",
    [b"", b"x" * 100, {"a": 1}, [torch.ones(1)], Evil()],
    ids=["nothing", "noise", "number", "list", "evil"],
)
def test_a_file_with_more_than_tensors_is_told_and_not_run(tmp_path, content, capsys):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ConfigError, match="should be a table of tensors"):
        TimmFile(NET, path).state()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("raised", "told"),
    [(ImportError("none"), "pip install 'plait[images]'"),
     (RuntimeError("operator torchvision::nms does not exist"),
      "cannot be imported: operator torchvision::nms does not exist. Install the torchvision")],
    ids=["missing", "of another torch"],
)  # fmt: skip
def test_a_package_that_cannot_be_imported_is_told(tmp_path, photo, monkeypatch, raised, told):
    class Refusing:
        def find_spec(self, name, path=None, target=None):
            if name == "timm":
                raise raised

    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "weights.pth").write_bytes(b"")
    with pytest.raises(ConfigError, match=re.escape(told)):
        fit(f"timm:{NET}:{tmp_path / 'weights.pth'}", [photo()])
