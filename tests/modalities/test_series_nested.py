"""Long tables into the rows they belong to, and what is taken for a series."""

from datetime import datetime

import pyarrow as pa
import pytest

from plait import DataError, PlaitWarning, Schema
from plait.data import Table, nested
from plait.modalities import Series

STAYS = {"id": [7, 3, 5], "died": [True, False, True]}
CHARTS = {
    "id": [3, 7, 9, 3, 7, 3],
    "minute": [9, 5, 1, 2, 5, 9],
    "what": ["K", "HR", "HR", "HR", "K", "HR"],
    "value": [4.0, 80.0, 1.0, 70.0, None, 72.0],
}


def cells(table: Table) -> list:
    return table["series"].to_pylist()


def test_rows_go_where_their_key_is_sorted_by_time():
    with pytest.warns(PlaitWarning, match="1 of 6 rows of the long table are left out"):
        done = nested(STAYS, CHARTS, key="id", time="minute", variable="what")
    assert done.names == ["id", "died", "series"]
    assert cells(done) == [
        [{"time": 5, "variable": "HR", "value": 80.0}, {"time": 5, "variable": "K", "value": None}],
        [{"time": 2, "variable": "HR", "value": 70.0}, {"time": 9, "variable": "K", "value": 4.0},
         {"time": 9, "variable": "HR", "value": 72.0}],
        None,
    ]  # fmt: skip
    fit = Series(columns=("series",), origin="zero").fit(done).fitted
    assert (fit.channels, fit.span) == (("HR", "K"), 9.0)


def test_wide_rows_moments_and_no_time():
    long = {"id": ["5", "7", "7"], "at": [datetime(2024, 1, day) for day in (3, 2, 1)],
            "hr": [1, 2, 3], "bp": [4, 5, 6]}  # fmt: skip
    done = nested(STAYS, long, key="id", time="at", value=["hr", "bp"], name="x")
    assert [len(cell or ()) for cell in done["x"].to_pylist()] == [2, 0, 1]
    assert done["x"].to_pylist()[0][0] == {"time": datetime(2024, 1, 1), "hr": 3, "bp": 6}
    plain = nested(STAYS, long, key="id", value="hr")
    assert cells(plain) == [[{"value": 2}, {"value": 3}], None, [{"value": 1}]]
    found = Series(columns=("series",)).fit(plain).pack(plain).cells
    assert found.present.tolist() == [True, False, True]


def test_keys_of_different_types_meet():
    for key in (["7", "3"], [7.0, 3.0], pa.array([7, 3], pa.int8())):
        done = nested(STAYS, {"id": key, "value": [1.0, 2.0]}, key="id")
        assert cells(done) == [[{"value": 1.0}], [{"value": 2.0}], None]


def test_moments_meet_in_any_unit():
    days = pa.array([datetime(2024, 1, 1), datetime(2024, 1, 2)], pa.timestamp("s"))
    done = nested({"id": days}, {"id": days.cast(pa.date32()), "value": [1.0, 2.0]}, key="id")
    assert cells(done) == [[{"value": 1.0}], [{"value": 2.0}]]


def test_rows_that_are_left_out_are_counted():
    long = {"id": ["7", None, "9", "", "8"], "value": [1.0, 2.0, 3.0, 4.0, 5.0]}
    told = r"4 of 5 rows .* left out: 2 have no key in 'id', 2 one that is not in the table"
    with pytest.warns(PlaitWarning, match=told):
        done = nested(STAYS, long, key="id")
    assert cells(done) == [[{"value": 1.0}], None, None]


def test_tables_without_a_common_key_are_refused():
    with pytest.raises(DataError, match=r"has, for example, 'p7', and the other '7'\."):
        nested(STAYS, {"id": ["p7", "p3"], "value": [1.0, 2.0]}, key="id")
    with pytest.raises(DataError, match=r"for example, no key at all, and the other '7'\."):
        nested(STAYS, {"id": [None], "value": [1.0]}, key="id")


@pytest.mark.parametrize(
    ("key", "kind"), [([[1], [2]], "list"), ([{"a": 1}, {"a": 2}], "struct"), ([b"1", b"2"], "bin")]
)
def test_keys_of_odd_types_are_refused(key, kind):
    for one, other in ((key, [1, 2]), ([1, 2], key), (key, key)):
        with pytest.raises(DataError, match=rf"should be text, numbers, .* Found \w*{kind}"):
            nested({"id": one}, {"id": other, "value": [1.0, 2.0]}, key="id")


def test_what_cannot_be_joined_is_refused():
    with pytest.raises(ValueError, match=r"one row of the table. Several rows have 7"):
        nested({"id": [7, 7, 3]}, CHARTS, key="id")
    with pytest.raises(ValueError, match=r"Found none in rows 1\."):
        nested({"id": [7, None]}, CHARTS, key="id")
    with pytest.raises(
        ValueError, match=r"no column 'minutes' in the table\. Did you mean 'minute'"
    ):
        nested(STAYS, CHARTS, key="id", time="minutes")
    with pytest.raises(ValueError, match="There is a column 'died' already"):
        nested(STAYS, CHARTS, key="id", name="died")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([[{"time": 1, "hr": 5.0}], None, [{"time": 2, "hr": 6.0}]], "Series"),
        ([[{"variable": "a", "value": 5.0}], None, [{"variable": "b", "value": 6.0}]], "Series"),
        ([[[1.0, 2.0], [3.0, 4.0]], None, [[5.0, 6.0]]], "Series"),
        ([[1.0, 2.0], None, [3.0, 4.0]], "Vector"),
        ([[{"name": "a"}], None, [{"name": "b"}]], None),
        ([[{"time": 1, "note": "a"}], None, [{"time": 2, "note": "b"}]], None),
        ([[{"time": 1}], None, [{"time": 2}]], None),
        ([[{"time": 1, "on": True, "note": "a"}], None, [{"time": 2, "on": False}]], "Series"),
        ([[{"time": 1, "v": 2.0, "more": [1]}], None, [{"time": 2, "v": 1.0}]], None),
        ([[{"variable": "a", "value": "high"}], None, [{"variable": "b", "value": "low"}]], None),
        ([[{"variable": "a"}], None, [{"variable": "b"}]], None),
    ],
)
def test_what_is_taken_for_a_series(column, kind):
    table = {"x": column, "n": [1.5, 2.5, 4.5], "y": [True, False, True]}
    schema = Schema.infer(table, targets=["y"])
    assert (type(schema.inputs["x"]).__name__ if "x" in schema.inputs else None) == kind


@pytest.mark.parametrize(
    ("part", "columns", "message"),
    [
        (Series(columns=("x",)), {"x": [1.0, 2.0]}, "should be lists: .*Found double"),
        (Series(columns=("x",)), {"x": [[["a"]], [["b"]]]}, "Found none|finite|hold numbers"),
        (Series(columns=("x",)), {"x": [[], []]}, "should hold numbers. Found none"),
        (Series(columns=("x",)), {"x": [[{"time": 1, "b": {"c": 1}}]]}, "'b' should hold numbers"),
        (Series(columns=("x",), time="tme"), {"x": [[{"time": 1, "v": 2}]]},
         "`time` should name a field.*Did you mean 'time'"),
        (Series(columns=("x",), variable="v"), {"x": [[{"time": 1, "v": "a"}]]},
         "should have numbers beside the names in 'v'"),
        (Series(columns=("x",), time="t"), {"x": [[1.0]], "t": [[1]]}, "Add it to `columns`"),
        (Series(columns=("x",), time="t"), {"x": [[[1.0]]]}, "have no names for `time`"),
        (Series(columns=("t", "x"), time="t"), {"t": [[1, 2], [1]], "x": [[1.0], [2.0]]},
         "should be equally long in each row. They differ in 1 rows: 0"),
        (Series(columns=("v", "x"), variable="v"), {"v": [["a"], ["b"]], "x": [[1.0], None]},
         "should be empty in the same rows"),
        (Series(columns=("t", "x"), time="t"), {"t": [[True]], "x": [[1.0]]}, "Found bool"),
    ],
)  # fmt: skip
def test_what_is_no_series_is_refused(part, columns, message):
    with pytest.raises(ValueError, match=message):
        part.fit(Table.of(columns))


def test_a_leader_of_lists_that_are_missing_is_named():
    part = Series(columns=("t", "x"), time="t")
    with pytest.raises(ValueError, match="They differ in 1 rows: 1"):
        part.fit(Table.of({"t": [[1], None], "x": [[1.0], [2.0]]}))
