"""Kept vectors and repeated cells."""

import numpy as np
import pytest
import torch

from plait.data import Kept, Masked, Ragged, Repeated
from plait.data._distinct import digests, distinct


def ragged(rows: list[list[int] | None]) -> Ragged:
    lengths = [len(row or []) for row in rows]
    return Ragged(
        torch.tensor([value for row in rows for value in row or []], dtype=torch.int64),
        torch.tensor([0, *np.cumsum(lengths)]),
        torch.tensor([row is not None for row in rows]),
    )


def test_kept_stays_kept():
    kept = Kept(torch.arange(6.0).view(3, 2), torch.tensor([True, False, True]))
    for one in (kept.take(torch.tensor([2])), kept.to("cpu"), kept.slice(0, 2)):
        assert type(one) is Kept
    assert type(Masked(kept.values, kept.mask).take(torch.tensor([0]))).__name__ == "Masked"


@pytest.mark.parametrize("kind", [Masked, Ragged])
def test_repeated_is_a_look_up(kind):
    if kind is Masked:
        cells = Masked(torch.arange(8.0).view(4, 2), torch.tensor([False, True, True, True]))
    else:
        cells = Ragged(torch.arange(12.0).view(6, 2), torch.tensor([0, 0, 1, 4, 6]),
                       torch.tensor([False, True, True, True]))  # fmt: skip
    index = torch.tensor([3, 0, 1, 1, 2, 0])
    column = Repeated(cells, index)
    assert len(column) == 6
    assert column.present.tolist() == [True, False, True, True, True, False]
    assert torch.equal(column.mask, column.present)
    rows = torch.tensor([4, 1, 0, 2])
    found, expected = column.take(rows), cells.take(index[rows])
    assert type(found) is Kept
    assert torch.equal(found.values, expected.values)
    assert torch.equal(found.mask, expected.mask)
    lengths = [2, 0, 1, 1, 3, 0] if kind is Ragged else [1, 0, 1, 1, 1, 0]
    assert column.lengths.tolist() == lengths
    assert torch.equal(column.select(rows).take(torch.arange(4)).values, found.values)
    for other in (column.to("cpu"), Repeated.joined([column.slice(0, 2), column.slice(2, 6)])):
        assert torch.equal(other.take(rows).values, found.values)
        assert torch.equal(other.index, index)
        assert len(other.cells) == 4  # parts of one column do not multiply its cells
    twice = Repeated.joined([column, Repeated(type(cells).joined([cells]), index)])
    assert torch.equal(twice.take(rows + 6).values, found.values)
    assert len(twice.cells) == 8


@pytest.mark.parametrize("kind", [Masked, Ragged])
def test_the_source_goes_where_its_rows_go(kind):
    source = ragged([[5], None, [6, 7], [5]])
    if kind is Masked:
        source = Masked(torch.tensor([5, 0, 6, 7]), torch.tensor([True, False, True, True]))
    cells = Masked(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([False, True, True]))
    column = Repeated(cells, torch.tensor([1, 0, 2, 1]), source)
    rows = torch.tensor([2, 1, 0])
    expected = source.take(rows)
    others = (column, column.to("cpu"), Repeated.joined([column.slice(0, 1), column.slice(1, 4)]))
    for other in others:
        found = other.take(rows)
        assert torch.equal(found.source.values, expected.values)
        assert torch.equal(found.source.mask, expected.mask)
        again = found.take(torch.tensor([1, 0])).to("cpu").slice(1, 2)
        assert torch.equal(again.source.values, expected.values[:1])
        assert torch.equal(again.values, found.values[:1])
    assert torch.equal(column.select(rows).take(torch.arange(3)).source.values, expected.values)
    assert {id(each) for each in source.tensors()} <= {id(each) for each in column.tensors()}
    with pytest.raises(ValueError, match="do not join"):
        Repeated.joined([column, Repeated(cells, column.index)])


def test_cells_of_two_forms_are_not_joined():
    one = Repeated(Masked(torch.zeros(1, 2), torch.zeros(1).bool()), torch.tensor([0]))
    other = Repeated(ragged([[1]]), torch.tensor([0]))
    with pytest.raises(ValueError, match="cannot be joined"):
        Repeated.joined([one, other])


@pytest.mark.parametrize("seed", range(5))
def test_distinct_against_plain_python(seed):
    draw = np.random.default_rng(seed)
    rows = [
        None if draw.random() < 0.2 else draw.integers(0, 3, draw.integers(0, 4)).tolist()
        for _ in range(200)
    ]
    first, index = distinct(ragged(rows))
    order: dict[tuple, int] = {}
    for number, row in enumerate(rows):
        if row:
            order.setdefault(tuple(row), number)
    assert first.tolist() == list(order.values())
    places = {cell: place for place, cell in enumerate(order, 1)}
    assert index.tolist() == [places[tuple(row)] if row else 0 for row in rows]


@pytest.mark.parametrize("rows", [[None, None], [[], None], [[0], [0, 0], [0, 0, 0]], [[1]]])
def test_distinct_at_the_edges(rows):
    first, index = distinct(ragged(rows))
    assert len(first) == len({tuple(row) for row in rows if row})
    assert (index > 0).tolist() == [bool(row) for row in rows]


def test_distinct_of_cells_of_one_size():
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [1.0, 2.0]])
    first, index = distinct(Masked(values, torch.tensor([True, True, False, True])))
    assert (first.tolist(), index.tolist()) == ([0, 1], [1, 2, 0, 1])


def test_digests_are_those_of_the_bytes():
    import hashlib

    cells = ragged([[5, 6], None, [5], [5, 6], [0, 0]])
    found = digests(cells, torch.tensor([3, 2, 4]))
    expected = [hashlib.blake2b(np.array(row, np.int64).tobytes(), digest_size=16).digest()
                for row in ([5, 6], [5], [0, 0])]  # fmt: skip
    assert [bytes(row) for row in found] == expected
