import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from plait import DataError, Schema
from plait.data import Source
from plait.packing import Choices
from plait.packing._fitted import drawn, fitted

ROWS = 40_000
NOTHING = np.array([], np.int64)


def choices(**changed) -> Choices:
    def declare(table):
        return Schema.infer(table, targets=["mood"])

    said = {"targets": {"mood": None}, "inputs": {}, "share": 0.0, "seed": 0, "memory": 2_000_000}
    return Choices(**{**said, "declare": declare, **changed})


def streamed(tmp_path, bad: int | None = None) -> Source:
    mood = [[0.5, 0.5]] * ROWS
    if bad is not None:
        mood[bad] = [1.5, -0.5]
    age = pa.array(np.arange(ROWS, dtype=float))
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"age": age, "mood": mood}), path, row_group_size=1000)
    return Source.of(path, memory=0)


def test_rows_are_drawn_from_all_over_and_know_their_numbers(tmp_path):
    data = streamed(tmp_path)
    held = np.arange(0, ROWS, 7)
    seen = drawn(data, choices(), held)
    numbers = seen.numbers(np.arange(len(seen)))
    assert 1_000 < len(seen) < ROWS
    assert seen["age"].to_pylist() == numbers.tolist()
    assert not np.isin(numbers, held).any()
    tenths = np.histogram(numbers, 10, (0, ROWS))[0]
    assert tenths.min() > 0.8 * len(seen) / 10


def test_what_is_wrong_is_told_by_the_row_of_the_users_table(tmp_path):
    seen = drawn(streamed(tmp_path), choices(), NOTHING)
    bad = int(seen.numbers([77])[0])
    assert bad > 77
    with pytest.raises(DataError, match=rf"Row {bad} \(counted from 0\) has a negative entry"):
        fitted(streamed(tmp_path, bad), choices(), NOTHING)


def test_rows_that_are_held_back_do_not_shift_the_numbers():
    table = {"age": range(50), "mood": [[0.5, 0.5]] * 44 + [[2.0, -1.0]] + [[0.5, 0.5]] * 5}
    with pytest.raises(DataError, match="Row 44 "):
        fitted(Source.of(table), choices(memory=2**30), np.arange(10))
