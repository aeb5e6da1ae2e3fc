"""Series against cases worked out by hand: how cells are read, and what is told of them."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from plait.data import Table
from plait.modalities import Series
from plait.modalities._series_pack import ordered


def notes_of(part: Series, columns: dict, fit_on: dict | None = None) -> list[str]:
    known = part.fit(Table.of(fit_on or columns))
    return [str(note) for note in known.pack(Table.of(columns)).notes]


def events_of(part: Series, columns: dict) -> list[tuple]:
    found = ordered(Table.of(columns), part._plan, part._from_first)
    each = found.events
    names = [found.names[channel] for channel in each.channel]
    return list(zip(each.row.tolist(), names, each.time.tolist(), each.value.tolist(), strict=True))


EXPECTED = [(0, "bp", 2.0, 9.0), (0, "hr", 1.0, 5.0), (0, "hr", 2.0, 6.0), (2, "hr", 4.0, 7.0)]
LONG = {
    "when": [[2, 1, 2], None, [4]],
    "what": [["bp", "hr", "hr"], None, ["hr"]],
    "much": [[9.0, 5.0, 6.0], None, [7.0]],
}
STRUCTS = [
    [{"time": 2, "variable": "bp", "value": 9.0}, {"time": 1, "variable": "hr", "value": 5.0},
     {"time": 2, "variable": "hr", "value": 6.0}],
    None,
    [{"time": 4, "variable": "hr", "value": 7.0}],
]  # fmt: skip
WIDE = [[{"time": 1, "hr": 5, "bp": None}, {"time": 2, "hr": 6, "bp": 9}], None,
        [{"time": 4, "hr": 7, "bp": None}]]  # fmt: skip
LISTS = {"t": [[1, 2], None, [4]], "hr": [[5, 6], None, [7]], "bp": [[None, 9], None, None]}


@pytest.mark.parametrize(
    ("part", "columns"),
    [
        (Series(columns=("x",)), {"x": STRUCTS}),
        (Series(columns=("when", "what", "much"), time="when", variable="what"), LONG),
        (Series(columns=("much", "when", "what"), time="when", variable="what", value="much"),
         LONG),
        (Series(columns=("x",)), {"x": WIDE}),
        (Series(columns=("t", "hr", "bp"), time="t"), LISTS),
    ],
    ids=["structs", "three lists", "value is named", "wide structs", "a column each"],
)  # fmt: skip
def test_every_form_is_the_same_series(part, columns):
    assert sorted(events_of(part, columns)) == EXPECTED
    cells = part.fit(Table.of(columns)).pack(Table.of(columns)).cells
    assert cells.present.tolist() == [True, False, True]


def test_equal_steps_have_no_times():
    alone = events_of(Series(columns=("x",)), {"x": [[5.0, None, 7.0], [], [1.0]]})
    assert alone == [(0, "x", 0.0, 5.0), (0, "x", 2.0, 7.0), (2, "x", 0.0, 1.0)]
    frames = events_of(Series(columns=("x",)), {"x": [[[5, 6], [7, None]], None, [[1], [2, 3]]]})
    assert frames == [
        (0, "0", 0.0, 5.0), (0, "0", 1.0, 7.0), (0, "1", 0.0, 6.0),
        (2, "0", 0.0, 1.0), (2, "0", 1.0, 2.0), (2, "1", 1.0, 3.0),
    ]  # fmt: skip


def test_moments_and_durations_are_seconds():
    begin = datetime(2024, 1, 1)
    stamps = [begin + timedelta(minutes=minutes) for minutes in (0, 1, 3)]
    part = Series(columns=("t", "x"), time="t")
    columns = {"t": [stamps], "x": [[1.0, 2.0, 3.0]]}
    known = part.fit(Table.of(columns))
    assert (known.fitted.first, known.fitted.span) == (True, 180.0)
    lengths = pa.array([[timedelta(seconds=1), timedelta(seconds=5)]])
    times = [time for *_, time, _ in events_of(part, {"t": lengths, "x": [[1.0, 2.0]]})]
    assert times == [1.0, 5.0]


def test_unsorted_rows_are_sorted_and_counted():
    columns = {"t": [[3, 1, 2], [1, 2]], "x": [[30.0, 10.0, 20.0], [1.0, 2.0]]}
    part = Series(columns=("t", "x"), time="t")
    assert [value for *_, value in events_of(part, columns)] == [10, 20, 30, 1, 2]
    assert notes_of(part, columns) == ["t: 1 rows out of order, sorted"]


def test_duplicates_are_averaged_and_counted_or_refused_with_rows():
    columns = {"t": [[1, 2], [5, 5, 5]], "x": [[1.0, 2.0], [3.0, 6.0, 9.0]]}
    part = Series(columns=("t", "x"), time="t")
    assert events_of(part, columns)[2:] == [(1, "x", 5.0, 6.0)]
    assert notes_of(part, columns) == ["t: 2 measured again at the same time, averaged"]
    strict = Series(columns=("t", "x"), time="t", duplicates="refuse")
    with pytest.raises(ValueError, match=r"Found 2 more in 'row 1', the first of 'x' at 5. Drop"):
        strict.fit(Table.of(columns))
    table = Table.of({name: [*cells, cells[0]] for name, cells in columns.items()}).take([0, 2, 1])
    with pytest.raises(ValueError, match="'row 1'"):
        strict.fit(table)


@pytest.mark.parametrize(("keep", "left"), [("last", [3.0, 4.0, 4.5]), ("first", [1.0, 2.0, 3.0])])
def test_long_rows_are_cut_and_counted(keep, left):
    columns = {"t": [[1, 2, 3, 4, 4], [1]], "v": [list("abcda"), ["a"]],
               "x": [[1.0, 2.0, 3.0, 4.0, 4.5], [7.0]]}  # fmt: skip
    part = Series(columns=("t", "v", "x"), time="t", variable="v", max_length=2 + (keep == "first"),
                  keep=keep)  # fmt: skip
    kept = sorted(value for row, *_, value in events_of(part, columns) if row == 0)
    assert kept == left
    assert notes_of(part, columns)[0] == f"t: 1 cut to {part.max_length} points of time"
    steps = events_of(Series(columns=("x",), max_length=2, keep=keep), {"x": [[1.0, 2.0, 3.0]]})
    last = [(0, "x", 0.0, 2.0), (0, "x", 1.0, 3.0)]
    assert steps == (last if keep == "last" else [(0, "x", 0.0, 1.0), (0, "x", 1.0, 2.0)])


def test_what_is_lost_is_counted():
    columns = {"t": [[1, None, 3, 4, 5]], "v": [["a", "a", None, "a", "a"]],
               "x": [["1", "2", "3", "many", None]]}  # fmt: skip
    part = Series(columns=("t", "v", "x"), time="t", variable="v")
    assert notes_of(part, columns) == [
        "t: 1 measurements without a name",
        "t: 1 measurements without a number",
        "t: 1 measurements that are no finite number",
        "t: 1 measurements without a time",
    ]
    late = {"t": [[1, 90]], "v": [["a", "new"]], "x": [[1.0, 2.0]]}
    told = notes_of(part, {"t": [[1, 90, 95]], "v": [["a", "new", "a"]], "x": [[1.0, 2.0, 9.0]]},
                    fit_on={"t": [[1, 5]], "v": [["a", "a"]], "x": [[1.0, 2.0]]})  # fmt: skip
    assert told == [
        "t: 1 measurements of channels unseen in training (new)",
        "t: 1 measurements after the last step",
        "t: 1 held at the edge of the range",
    ]
    known = part.fit(Table.of({**late, "t": [[0, 1]]}))
    assert known.fitted.channels == ("a", "new")


def test_only_the_most_frequent_names_are_kept():
    columns = {"v": [["a", "b", "c", "b"], ["c", "b"]], "x": [[1.0] * 4, [2.0] * 2]}
    part = Series(columns=("v", "x"), variable="v", most=2)
    assert part.fit(Table.of(columns)).fitted.channels == ("b", "c")
    assert "unseen in training (a)" in notes_of(part, columns)[0]


def test_impossible_numbers_have_no_say_in_scales():
    values = np.linspace(0, 1, 5000)
    values[17], values[4000] = 1e30, -1e30
    known = Series(columns=("x",)).fit(Table.of({"x": values.reshape(50, 100)})).fitted
    assert known.low[0] == pytest.approx(0.0008, abs=2e-4)
    assert known.high[0] == pytest.approx(0.9992, abs=2e-4)
    assert known.std[0] == pytest.approx(12**-0.5, rel=0.01)
    assert all(scale < 100 for scale in known.scales)
    free = Series(columns=("x",), clip=0.0).fit(Table.of({"x": values.reshape(50, 100)})).fitted
    assert free.high[0] == 1e30
