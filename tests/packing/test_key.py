import json
import os
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from plait import Schema
from plait.data import Source
from plait.modalities import Audio, Image, Text
from plait.packing import Choices
from plait.packing._key import key_of


def key(tmp_path: Path, part) -> str | None:
    # A file: of a table in memory nobody can tell that it is the same.
    path = tmp_path / "table.csv"
    if not path.exists():
        path.write_text("x,price\na,1\nb,2\n")
    targets, inputs = {"price": "Regression"}, {"x": part}
    choices = Choices(targets, inputs, lambda seen: Schema.infer(seen, targets, inputs),
                      0.1, 0, 1 << 40)  # fmt: skip
    return key_of(Source.of(path), None, choices)


def files(folder: Path, kind: str) -> tuple[object, Path]:
    folder.mkdir()
    if kind == "static":
        (folder / "model.safetensors").write_bytes(b"a")
        (folder / "tokenizer.json").write_text("{}")
        return Text(encoder=f"static:{folder}"), folder / "tokenizer.json"
    if kind == "hf":
        (folder / "config.json").write_text(json.dumps({}))
        return Text(encoder=f"hf:{folder}"), folder / "config.json"
    path = folder / "weights.pt"
    torch.save({}, path)
    if kind == "timm":
        return Image(encoder=f"timm:net:{path}"), path
    return Audio(encoder=f"ge2e:{path}"), path


@pytest.mark.parametrize("kind", ["hf", "static", "timm", "ge2e"])
def test_the_files_of_an_encoder_are_in_the_key(tmp_path, kind):
    part, path = files(tmp_path / "net", kind)
    before = key(tmp_path, part)
    assert before is not None
    assert key(tmp_path, part) == before
    assert key(tmp_path, {"type": type(part).__name__, "encoder": part.encoder}) is not None
    os.utime(path, ns=(1, 1))
    changed = key(tmp_path, part)
    assert changed not in (None, before)


@pytest.mark.parametrize(
    "part",
    [Text(encoder="hf:some/model"), Image(encoder="timm:net"), Text(encoder="static:/none"),
     Audio(encoder="ge2e:/none.pt"), Image(encoder="timm:net:/none.pth"), "module:Class"],
    ids=str,
)  # fmt: skip
def test_what_is_not_on_this_disk_has_no_key(tmp_path, part):
    assert key(tmp_path, part) is None


def test_another_version_of_what_prepares_the_cells_is_another_key(tmp_path, monkeypatch):
    part, _ = files(tmp_path / "net", "hf")
    before = key(tmp_path, part)
    pytest.importorskip("transformers")
    later = {"transformers": "999"}
    monkeypatch.setattr("plait.packing._key.version", lambda name: later.get(name) or version(name))
    assert key(tmp_path, part) != before
