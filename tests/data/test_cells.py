"""Arrow columns in one form each, against plain loops."""

import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings, strategies as st

from plait.data import Masked, Ragged, Table, noise
from plait.data._cells import lists, normal, numbers, texts, vectors
from plait.data._fit import as_one


def test_numbers():
    values, lost = numbers(pa.array([" 3 ", "1,000", "1e400", "", None, "-.5", "nan"]))
    assert np.array_equal(values, [3, math.nan, math.nan, math.nan, math.nan, -0.5, math.nan],
                          equal_nan=True)  # fmt: skip
    assert lost == 3
    assert numbers(pa.array([2**53 + 1]))[0].tolist() == [2.0**53]


def test_texts():
    floats = pa.array([3.0, -0.0, 2.0**60, 1e300, math.nan, None])
    assert texts(floats).to_pylist() == ["3", "0", str(2**60), "1e+300", None, None]
    assert texts(pa.array([3])).to_pylist() == texts(pa.array([" 3 "])).to_pylist() == ["3"]
    assert texts(pa.array([{"a": 1}, None])).to_pylist() == ["{'a': 1}", None]


@pytest.mark.parametrize(
    "cells",
    [
        pa.array(["a", None], pa.string_view()),
        pa.array(["a", None]).dictionary_encode(),
        pa.chunked_array([["a"], [None]]),
    ],
)
def test_strings_of_all_types_become_one(cells):
    assert normal(cells).type == pa.large_string()
    assert normal(cells).to_pylist() == ["a", None]


def test_lists_and_vectors():
    entries, offsets, there = lists(pa.array([["z"], ["a", None], None, []]).slice(1), ",")
    assert entries.to_pylist() == ["a", None]
    assert (offsets.tolist(), there.tolist()) == ([0, 2, 2, 2], [True, False, True])
    fixed = pa.array([[9.0, 9], [1, 2], None, [3, math.nan]], pa.list_(pa.float32(), 2)).slice(1)
    matrix, there, wrong = vectors(fixed)
    assert (matrix.tolist(), there.tolist(), wrong) == (
        [[1, 2], [0, 0], [0, 0]], [True, False, False], [2])  # fmt: skip


@pytest.mark.parametrize("cells", [[None], [[], None], [[], [1.0], []]])
def test_vectors_of_nothing(cells):
    matrix, there, _ = vectors(pa.array(cells, pa.list_(pa.float32())))
    assert matrix.shape == (len(cells), 0)
    assert there.sum() == sum(cell == [] for cell in cells)


def test_vectors_of_what_is_no_number():
    assert vectors(pa.array([["1", "2"], ["3", "x"]]))[2] == [1]
    assert vectors(pa.array([[2**60, 1]]))[0].tolist() == [[2.0**60, 1.0]]


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=5), st.data())
def test_ragged_take_is_a_loop(rows, data):
    mask = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    asked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6))
    values = torch.tensor([x for row in rows for x in row], dtype=torch.int64)
    offsets = torch.tensor([0, *np.cumsum([len(row) for row in rows]).tolist()])
    batch = Ragged(values, offsets, torch.tensor(mask)).take(torch.tensor(asked, dtype=torch.int64))
    wanted = [rows[r] if mask[r] else [] for r in asked]
    longest = max([1, *map(len, wanted)])
    assert batch.values.tolist() == [row + [0] * (longest - len(row)) for row in wanted]
    assert batch.mask.sum(1).tolist() == [len(row) for row in wanted]


def test_masked_checks_its_shape():
    with pytest.raises(ValueError, match="must be a prefix of the shape"):
        Masked(torch.zeros(3, 2), torch.ones(3, 4, dtype=torch.bool))


def test_noise():
    rows = torch.arange(2000)
    whole = noise(0, 1, rows, 3)
    assert torch.equal(noise(0, 1, rows[[5, 2]], 3), whole[[5, 2]])
    assert abs(whole.mean() - 0.5) < 0.02
    assert abs(whole.var() - 1 / 12) < 0.005
    for other in (noise(1, 1, rows, 3), noise(0, 2, rows, 3), noise(0, 1, rows + 2000, 3)):
        assert (other == whole).float().mean() < 0.001
    assert noise(2**63, 0, rows, 1).shape == (2000, 1)


def test_categories_of_a_view_are_decoded():
    views = pa.array(["x", "y", None, "x"]).cast(pa.string_view())
    cells = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0]), views.slice(0, 3))
    assert normal(cells).to_pylist() == ["x", "y", None, "x"]
    assert normal(cells).type == pa.large_string()
    table = Table(pa.table({"c": cells})).take([3, 1])
    assert table["c"].to_pylist() == ["x", "y"]


@pytest.mark.parametrize("other", [pa.array([1, 2**62]), pa.array([True, False]), pa.array(["a"])])
def test_decimals_and_others_come_to_one_type(other):
    decimals = pa.array([Decimal("1.25"), None])
    joined = as_one([pa.table({"d": decimals}), pa.table({"d": other})])
    assert joined.num_rows == 2 + len(other)
    assert joined["d"].null_count == 1
    assert str(joined["d"][0].as_py()) == "1.25"
