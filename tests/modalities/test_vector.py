"""Ready-made vectors: lengths, holes and entries that do not change."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from plait.data import Table
from plait.modalities import Vector

KNOWN = [[1.0, 5.0], [3.0, 5.0], [8.0, 5.0]]


@pytest.fixture
def part():
    return Vector(columns=("x",)).fit(Table.of({"x": KNOWN}))


def pack(part, cells):
    packed = part.pack(Table.of({"x": cells}))
    return packed.cells.values, packed.cells.mask.tolist(), [str(n) for n in packed.notes]


def test_standardized_entry_by_entry(part):
    first = np.array([1.0, 3.0, 8.0])
    values, mask, notes = pack(part, KNOWN)
    assert values[:, 0].tolist() == pytest.approx(((first - 4) / first.std()).tolist())
    assert values[:, 1].tolist() == [0, 0, 0]
    assert (mask, notes, part.std[1]) == ([True] * 3, [], 1.0)


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float32()),
                                  pa.list_(pa.int8(), 2), pa.list_(pa.float16(), 2)])  # fmt: skip
def test_any_type_of_list(part, kind):
    values, mask, _ = pack(part, pa.array([[1, 5], None, [8, 5]]).cast(kind))
    assert mask == [True, False, True]
    assert torch.allclose(values[[0, 2]], pack(part, KNOWN)[0][[0, 2]], atol=1e-3)


def test_wrong_length_and_not_finite_are_counted(part):
    nan, inf = float("nan"), float("inf")
    cells = [[1.0], [1.0], [3.0, 5.0], [1.0, nan], [inf, 5.0], [], None, [None, 5.0]]
    values, mask, notes = pack(part, cells)
    assert mask == [False, False, True] + [False] * 5
    assert values[2].tolist() == pack(part, [[3.0, 5.0]])[0][0].tolist()
    assert notes == ["x: 1 missing",
                     "x: 6 not finite or of another length (row 0, row 1, row 3)"]  # fmt: skip


@pytest.mark.parametrize("cells", [[[1.0]], [[1.0, 2.0, 3.0], None], [[], []]])
def test_all_of_another_length_is_refused(part, cells):
    told = f"'x' should be 2 long, as in training. Found {len(cells[0])} in row 0"
    with pytest.raises(ValueError, match=told):
        pack(part, cells)


def test_nothing_is_all_missing(part):
    for cells in (pa.nulls(2, pa.list_(pa.float32())), pa.nulls(2), ["", None]):
        values, mask, notes = pack(part, cells)
        assert values.shape == (2, 2)
        assert (mask, notes) == ([False, False], ["x: 2 missing"])


@pytest.mark.parametrize("cells", [[None, None], [[], []], [["a"], ["b"]], [[float("nan")]]])
def test_nothing_to_fit(cells):
    with pytest.raises(ValueError, match=r"'x' should hold vectors. Found none that is whole"):
        Vector(columns=("x",)).fit(Table.of({"x": cells}))


def test_other_cells_are_refused(part):
    with pytest.raises(ValueError, match=r"'x' should be lists of numbers. Found double"):
        pack(part, [1.0, 2.0])


def test_tiny_and_huge_entries_stay_apart_and_finite():
    cells = [[1e-30, 3e38], [2e-30, -3e38], [3e-30, 0.0]]
    part = Vector(columns=("x",)).fit(Table.of({"x": cells}))
    values, mask, _ = pack(part, [*cells, [1e38, 1.0]])
    assert mask == [True] * 4
    assert values.isfinite().all()
    assert len(values[:, 0].unique()) == 4
    assert part.build(4)(part.pack(Table.of({"x": [[1e38, 1.0]]})).cells).values.isfinite().all()


def test_mixed_lengths_are_refused_with_their_rows():
    cells = [[1.0], [1.0, 2.0], None, [3.0, 4.0], [1.0, 2.0, 3.0], []]
    told = r"'x' should be of one length. .* 2, is that of fewer than half. Found 1 in row 0, 3 in"
    with pytest.raises(ValueError, match=told):
        Vector(columns=("x",)).fit(Table.of({"x": cells}))
    table = Table.of({"x": [*cells[1:], [5.0, 6.0]]})
    few = Vector(columns=("x",)).fit(table)
    assert few.mean == (3.0, 4.0)
    assert str(few.pack(table).notes[1]) == "x: 2 not finite or of another length (row 3, row 4)"


def test_rows_are_those_of_the_table_that_rows_were_taken_from(part):
    part_of = Table.of({"x": [*KNOWN, [1.0], [2.0, 2.0]]}).take([4, 3])
    assert str(part.pack(part_of).notes[0]).endswith("(row 3)")
    with pytest.raises(ValueError, match="Found 1 in row 3"):
        part.pack(part_of.take([1]))
