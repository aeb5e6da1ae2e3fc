import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, strategies as st
from safetensors.torch import load_file

from plait import ArtifactError
from plait.data import Masked, Note, Pack, PackWriter, Ragged, joined, stored_pack
from plait.data._tensor_writer import TensorWriter


def pack_of(lengths: list[int], first: int = 0) -> Pack:
    """Numbers, pictures and texts of some rows, each cell another one."""
    rows, entries = len(lengths), sum(lengths)
    start = torch.tensor(lengths, dtype=torch.int64)
    offsets = torch.cat([start.new_zeros(1), start.cumsum(0)])
    values = first + torch.arange(rows * 2.0).view(rows, 2)
    pixels = torch.arange(rows * 12).view(rows, 3, 2, 2).to(torch.uint8)
    return Pack(
        rows,
        {
            "a.b/c": Masked(values, values % 3 > 0),
            "photo": Masked(pixels, torch.arange(rows) % 2 == 0),
            "text": Ragged(first + torch.arange(entries), offsets, start > 0),
        },
        {"y": Masked(values[:, 0], values[:, 0] % 2 > 0)},
        (Note("a.b/c", "missing", rows, ("x",)),) if rows else (),
        first + torch.arange(rows),
    )


def alike(one: Pack, other: Pack) -> bool:
    return (
        one.rows == other.rows
        and list(one.inputs) == list(other.inputs)
        and list(one.targets) == list(other.targets)
        and all(
            torch.equal(a, b) and a.dtype == b.dtype
            for a, b in zip(one._tensors(), other._tensors(), strict=True)
        )
    )


def stored(folder: Path, *packs: Pack) -> dict:
    with PackWriter(folder) as writer:
        for pack in packs:
            writer.append(pack)
    return json.loads(json.dumps(writer.described()))


ROWS = st.lists(st.integers(0, 5), min_size=1, max_size=12)


@given(st.lists(ROWS, min_size=1, max_size=4), st.booleans())
def test_what_was_written_in_parts_is_read_as_one(tmp_path_factory, parts, mapped):
    folder = tmp_path_factory.mktemp("pack")
    packs = [pack_of(lengths, 100 * n) for n, lengths in enumerate(parts)]
    found = stored_pack(folder, stored(folder, *packs), mapped=mapped)
    assert alike(found, joined(packs))
    assert [str(note) for note in found.notes] == [f"a.b/c: {found.rows} missing (x)"]
    assert bool(found.maps) == mapped
    found.forget()
    assert alike(found, joined(packs))


@given(ROWS, st.data())
def test_rows_are_the_same_however_they_are_asked_for(lengths, data):
    pack = pack_of(lengths)
    rows = torch.tensor(
        data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=9)), dtype=int
    )
    chosen = pack.select(rows)
    start = data.draw(st.integers(0, len(lengths) - 1))
    side = pack.slice(start, len(lengths))
    for part, wanted in ((chosen, rows), (side, torch.arange(start, len(lengths)))):
        found, known = part[torch.arange(len(wanted))], pack[wanted]
        assert torch.equal(found.rows, wanted)
        for name, cells in known.inputs.items():
            assert torch.equal(found.inputs[name].mask, cells.mask)
            assert torch.equal(found.inputs[name].values, cells.values)
        assert list(found.targets) == list(known.targets)


def test_the_files_are_safetensors_that_anyone_can_read(tmp_path):
    described = stored(tmp_path, pack_of([1, 2]), pack_of([0]))
    entry = described["inputs"]["text"]["offsets"]
    assert load_file(tmp_path / entry["file"])["values"].tolist() == [0, 1, 3, 3]


@pytest.mark.parametrize("place", [3, 100, 520, -1])
def test_one_flipped_bit_is_noticed(tmp_path, place):
    described = stored(tmp_path, pack_of([3, 4, 5]))
    file = tmp_path / described["inputs"]["text"]["values"]["file"]
    content = bytearray(file.read_bytes())
    content[place] ^= 4
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match=file.name):
        stored_pack(tmp_path, described)


def test_a_file_that_is_cut_longer_or_gone_is_noticed(tmp_path):
    described = stored(tmp_path, pack_of([3, 4, 5]))
    file = tmp_path / described["inputs"]["photo"]["values"]["file"]
    whole = file.read_bytes()
    for content in (whole[:-1], whole + b"x", whole[:100], b""):
        file.write_bytes(content)
        with pytest.raises(ArtifactError, match=file.name):
            stored_pack(tmp_path, described)
    file.unlink()
    with pytest.raises(ArtifactError, match="No such file"):
        stored_pack(tmp_path, described)


def test_rows_of_another_shape_are_refused(tmp_path):
    with TensorWriter(tmp_path / "x") as writer:
        writer.append(torch.zeros(2, 3))
        with pytest.raises(ValueError, match="shape"):
            writer.append(torch.zeros(2, 4))
        with pytest.raises(ValueError, match="float64"):
            writer.append(torch.zeros(2, 3).double())


def test_lengths_are_those_of_ragged_cells_alone():
    assert pack_of([2, 0, 5]).lengths.tolist() == [2, 0, 5]
    plain = pack_of([1])
    assert Pack(1, {"a.b/c": plain.inputs["a.b/c"]}, {}).lengths is None
