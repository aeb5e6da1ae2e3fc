"""Several items in each row: batches, parts, files."""

import json

import pytest
import torch

from plait.data import (
    Bagged,
    Kept,
    Masked,
    Pack,
    PackWriter,
    Ragged,
    Repeated,
    joined,
    stored_pack,
)

COUNTS = [2, 0, 3, 1]
OFFSETS = torch.tensor([0, 2, 2, 5, 6])
THERE = torch.tensor([True, True, False, True, True, False])


def dense() -> Bagged:
    return Bagged(Masked(torch.arange(1.0, 13).view(6, 2), THERE), OFFSETS)


def ragged() -> Bagged:
    words = Ragged(torch.arange(1, 9), torch.tensor([0, 1, 3, 3, 6, 7, 8]), THERE)
    return Bagged(words, OFFSETS)


def nested() -> Bagged:
    return Bagged(ragged(), torch.tensor([0, 3, 3, 4]))


ALL = pytest.mark.parametrize("make", [dense, ragged, nested])


def same(one: Masked, other: Masked) -> bool:
    return torch.equal(one.values, other.values) and torch.equal(one.mask, other.mask)


def test_a_batch_is_padded_to_the_most_items():
    batch = dense().take(torch.tensor([2, 1, 0]))
    assert batch.mask.tolist() == [[False, True, True], [False] * 3, [True, True, False]]
    assert batch.values[0].tolist() == [[5, 6], [7, 8], [9, 10]]
    assert batch.values[2].tolist() == [[1, 2], [3, 4], [0, 0]]
    words = ragged().take(torch.tensor([0, 2]))
    assert words.values.tolist() == [
        [[1, 0, 0], [2, 3, 0], [0, 0, 0]],
        [[0, 0, 0], [4, 5, 6], [7, 0, 0]],
    ]
    assert words.mask.sum((1, 2)).tolist() == [3, 4]


@ALL
def test_what_is_there_is_what_a_batch_shows(make):
    bags = make()
    batch = bags.take(torch.arange(len(bags)))
    assert bags.present.tolist() == bags.mask.tolist() == batch.present.tolist()


def test_lengths_count_items_or_their_entries():
    assert dense().lengths.tolist() == COUNTS
    assert ragged().lengths.tolist() == [3, 0, 4, 1]
    assert nested().lengths.tolist() == [7, 0, 1]
    pack = Pack(4, {"x": dense(), "y": ragged()}, {})
    assert pack.lengths is not None
    assert pack.lengths.tolist() == [5, 0, 7, 2]


@ALL
def test_parts_are_what_their_rows_are(make):
    bags = make()
    rows = torch.tensor([2, 0, 2])
    wanted = bags.take(rows)
    assert same(bags.select(rows).take(torch.arange(3)), wanted)
    sliced = bags.slice(1, 3)
    assert same(sliced.take(torch.arange(2)), bags.take(torch.tensor([1, 2])))
    again = Bagged.joined([bags.slice(0, 2), bags.slice(2, len(bags))])
    assert all(map(torch.equal, again.tensors(), bags.tensors()))
    assert same(bags.to("cpu").take(rows), wanted)


@ALL
def test_rows_without_items_make_one_empty_slot(make):
    bags = make()
    empty = bags.select(torch.tensor([1, 1]))
    batch = empty.take(torch.arange(2))
    assert batch.mask.shape[:2] == (2, 1)
    assert not batch.mask.any()
    assert len(bags.take(torch.tensor([], dtype=torch.int64))) == 0
    assert same(Bagged.joined([empty, bags]).take(torch.tensor([2])), bags.take(torch.tensor([0])))


@ALL
@pytest.mark.parametrize("mapped", [False, True])
def test_parts_in_files_are_read_as_one(tmp_path, make, mapped):
    bags = make()
    parts = [Pack(len(bags), {"x": bags, "y": bags}, {}) for _ in range(2)]
    parts.append(Pack(1, {n: bags.slice(1, 2) for n in "xy"}, {}))
    with PackWriter(tmp_path) as writer:
        for part in parts:
            writer.append(part)
    described = json.loads(json.dumps(writer.described()))
    found, wanted = stored_pack(tmp_path, described, mapped=mapped), joined(parts)
    pairs = zip(found._tensors(), wanted._tensors(), strict=True)
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)
    rows = torch.tensor([len(bags) + 2, 0])
    assert same(found[rows].inputs["y"], bags.take(torch.tensor([2, 0])))


def test_kept_items_make_kept_batches():
    cells = Masked(torch.tensor([[0.0], [7.0], [8.0]]), torch.tensor([False, True, True]))
    bags = Bagged(Repeated(cells, torch.tensor([1, 2, 0, 1, 1, 2])), OFFSETS)
    batch = bags.take(torch.tensor([0, 2]))
    assert type(batch) is Kept
    assert batch.values[:, :, 0].tolist() == [[7, 8, 0], [0, 7, 7]]
    with pytest.raises(TypeError, match="'x' is kept elsewhere"):
        PackWriter._append(None, "inputs", "x", bags.cells)  # ty: ignore[invalid-argument-type]


def test_wrong_bounds_and_mixed_parts_are_refused():
    with pytest.raises(ValueError, match=r"from 0 to the number of items, 6. Got 0 to 5"):
        Bagged(dense().cells, torch.tensor([0, 5]))
    with pytest.raises(ValueError, match="cannot be joined"):
        Bagged.joined([dense(), ragged()])
