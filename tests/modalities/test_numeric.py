"""Numbers against written-out formulas."""

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
import torch

from plait import DataError
from plait.data import Masked, Table
from plait.modalities import Numeric


def pack(cells, part=None, fit_on=None):
    part = (part or Numeric(columns=("x",))).fit(Table.of({"x": fit_on or cells}))
    packed = part.pack(Table.of({"x": cells}))
    return part, packed.cells.values[:, 0], packed.cells.mask[:, 0], packed.notes


def test_standard():
    cells = [1.0, 4.0, None, 7.0, 100.0]
    part, values, mask, _ = pack(cells)
    known = np.array([1.0, 4.0, 7.0, 100.0])
    expected = (known - known.mean()) / known.std()
    assert values[mask].tolist() == pytest.approx(expected.tolist())
    (column,) = part.fitted
    assert (column.low, column.high, column.knots) == (1.0, 100.0, (1.0, 4.0, 7.0, 100.0))


def test_quantile_maps_ranks_to_a_normal_distribution():
    cells = [0.0] * 6 + [1.0, 5.0, 5.0, 70.0]
    part, values, _, _ = pack(cells, Numeric(columns=("x",), scaling="quantile"))
    ranks = [3 / 10] * 6 + [6.5 / 10, 8 / 10, 8 / 10, 9.5 / 10]
    expected = [NormalDist().inv_cdf(rank) for rank in ranks]
    assert values.tolist() == pytest.approx(expected, abs=1e-5)
    between = part.pack(Table.of({"x": [0.5, -9.0, 1e9]})).cells.values[:, 0]
    ends = [(expected[0] + expected[6]) / 2, expected[0], expected[-1]]
    assert between.tolist() == pytest.approx(ends, abs=1e-5)
    many = torch.arange(5000.0).square().tolist()
    _, values, _, _ = pack(many, Numeric(columns=("x",), scaling="quantile", bins=64))
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.15  # straight between knots, so the tails are full


def test_piecewise_layout():
    cells = [0.0, 1.0, 3.0, 7.0, None]
    part, values, mask, _ = pack(cells)
    encode = part.build(4)
    (column,) = part.fitted
    edges = [(knot - column.mean) / column.std for knot in column.knots]
    layout = encode.layout(values.unsqueeze(1), mask.unsqueeze(1))
    for row, x in enumerate(values.tolist()):
        reach = [min(1, max(0, (x - low) / (high - low))) for low, high in pairwise(edges)]
        held = x / math.sqrt(1 + (x / 3) ** 2)
        expected = [*reach, held, 0.0] if mask[row] else [0.0] * 4 + [1.0]
        assert layout[row].tolist() == pytest.approx(expected, abs=1e-5)
    row = Masked(values[:1, None], mask[:1, None])
    assert torch.allclose(encode(row).values[0, 0], encode.project(layout[0]))


def test_knots_follow_rows_and_distinct_numbers():
    cells = [0.0] * 900 + [float(n) for n in range(1, 101)]
    part, *_ = pack(cells, Numeric(columns=("x",), bins=8))
    half = np.quantile(cells, np.linspace(0, 1, 5))
    rest = np.quantile(range(101), np.linspace(0, 1, 5))
    assert part.fitted[0].knots == tuple(np.unique([*half, *rest]).tolist())


def test_periodic_layout():
    part, values, mask, _ = pack([1.0, None, 4.0], Numeric(columns=("x",), embedding="periodic",
                                                            bins=3))  # fmt: skip
    encode = part.build(4)
    layout = encode.layout(values.unsqueeze(1), mask.unsqueeze(1))
    angles = [2 * math.pi * f * values[2].item() for f in encode.frequency[0].tolist()]
    waves = [*map(math.sin, angles), *map(math.cos, angles)]
    assert layout[2, :6].tolist() == pytest.approx(waves, abs=1e-5)
    assert layout[1].tolist() == [0.0] * 7 + [1.0]


@pytest.mark.parametrize("scaling", ["standard", "quantile"])
@pytest.mark.parametrize("embedding", ["piecewise", "periodic", "linear"])
@pytest.mark.parametrize(
    "cells",
    [
        [5.0, 5.0, 5.0],
        [0.1] * 7,
        [5.0, None, None],
        [1e17, 1e17],
        [1.6e-19, 3.2e-19, 8e-19],
        [1e308, -1e308, 5.0],
        [True, False, None, True],
        [2**62, -(2**62), 3],
        [None, None],
        ["1", "2.5", " -3e2 ", ""],
        [math.inf, 2.0, -math.inf],
    ],
    ids=str,
)
def test_odd_columns_are_finite(cells, embedding, scaling):
    part = Numeric(columns=("x",), embedding=embedding, scaling=scaling)
    part, values, mask, _ = pack(cells, part)
    assert values.isfinite().all()
    there = [c not in (None, "", math.inf, -math.inf) for c in cells]
    assert mask.tolist() == there
    distinct = len({c for c, t in zip(cells, there, strict=True) if t})
    assert len(values[mask].unique()) == distinct
    knots = np.array(part.fitted[0].knots)
    assert (np.diff(knots) > 0).all()
    far = part.pack(Table.of({"x": [1e308, -1e308, 1e30, 0.0]})).cells
    tokens = part.build(4)(far).values
    assert tokens.isfinite().all()
    tokens.sum().backward()


def test_out_of_range_is_held_and_counted():
    part, values, mask, notes = pack(
        ["0", "12", "-5", "1e200", "many", "", "inf"], fit_on=[0.0, 5.0, 10.0]
    )
    assert mask.tolist() == [True] * 4 + [False] * 3
    assert {note.what: note.count for note in notes} == {
        "out of range": 3, "no finite number": 2, "missing": 1}  # fmt: skip
    encode = part.build(4)
    layout = encode.layout(values.unsqueeze(1), mask.unsqueeze(1))
    assert layout[1:4, :2].tolist() == [[1, 1], [0, 0], [1, 1]]
    assert layout[3, 2] == pytest.approx(3, abs=1e-3)


@pytest.mark.parametrize(
    "cells", [["red", None, "blue"], [math.inf, None, -math.inf], [[1.0], [2.0], None]], ids=str
)
def test_a_column_without_a_number_is_refused(cells):
    table = Table.of({"a": [1.0, 2.0, 3.0], "x": cells, "empty": [None, None, None]})
    with pytest.raises(DataError, match=r"\['x'\] should hold numbers. Found none in the cells"):
        Numeric(columns=("a", "x", "empty")).fit(table)


def test_an_empty_column_is_let_be():
    for cells in ([None, None], [math.nan, None], ["", " "]):
        _, values, mask, _ = pack(cells)
        assert (values.tolist(), mask.tolist()) == ([0.0, 0.0], [False, False])
