import numpy as np
import pyarrow as pa
import pytest

from plait import inspect
from plait.inspection._marks import NOTHING, cell_marks

from .kit import ROWS, TARGETS, sound

TABLE = sound()


def doubled(rows: list[int], **changed) -> dict[str, list]:
    """The table with some rows once more at its end."""
    return {
        name: cells + changed.get(name, [cells[row] for row in rows])
        for name, cells in TABLE.items()
    }


def test_rows_that_are_there_twice_are_found_whatever_their_id():
    table = doubled([3, 7, 3]) | {"id": list(range(5000, 5000 + ROWS + 3))}
    (found,) = inspect(table, TARGETS).findings
    assert found.kind == "duplicate"
    assert found.figures["rows"] == 3
    assert found.rows == ((3, ROWS), (7, ROWS + 1), (ROWS, ROWS + 2))


def test_the_same_inputs_with_another_label_contradict_each_other():
    found = inspect(doubled([3, 7], view=["hill", "hill"]), TARGETS).findings
    assert [(each.kind, each.target) for each in found] == [("contradiction", "view")]
    assert found[0].figures == {"rows": 4, "groups": 2, "labeled": 402, "missed_at_least": 2}
    assert {tuple(sorted(pair)) for pair in found[0].rows} == {(3, 400), (7, 401)}


def test_the_most_frequent_label_is_the_best_answer_to_a_contradiction():
    table = {"x": [1.0, 1.0, 1.0, 2.0, 2.0, 3.0], "y": ["a", "a", "b", "a", "b", "c"]}
    (found,) = inspect(table, ["y"]).of("contradiction")
    assert found.figures == {"rows": 5, "groups": 2, "labeled": 6, "missed_at_least": 2}


def test_an_empty_label_contradicts_nothing():
    table = {"x": [1.0, 1.0, 2.0, 3.0], "y": ["a", None, "b", "b"]}
    assert inspect(table, ["y"]).of("contradiction") == ()


def test_rows_of_the_second_table_that_are_in_the_first_are_found():
    other = sound(1)
    mixed = {name: other[name] + TABLE[name][5:8] for name in TABLE}
    (found,) = inspect(TABLE, TARGETS, valid=mixed).findings
    assert found.kind == "shared"
    assert found.figures == {"rows": 3, "share": 3 / 403}
    assert found.rows == ((400, 5), (401, 6), (402, 7))


def test_a_hole_that_makes_floats_of_codes_hides_no_twin():
    one = {"code": pa.array([11, 12, 13, 14]), "y": ["a", "b", "a", "b"]}
    other = {"code": [12.0, None, 99.0], "y": ["b", "a", "b"]}
    (found,) = inspect(one, ["y"], {"code": "Categorical"}, valid=other).of("shared")
    assert found.rows == ((0, 0),) or found.rows == ((0, 1),)
    assert found.figures["rows"] == 1


def test_rows_without_inputs_are_told_and_are_no_duplicates():
    table = {"x": [1.5, None, None, 2.5], "t": ["a b c", "", None, "d e f"], "y": [1, 2, 1, 2]}
    found = inspect(table, ["y"], {"t": "Text"}).findings
    assert [each.kind for each in found] == ["empty"]
    assert found[0].rows == ((1,), (2,))


SAME = {
    "text": (["a", " a ", "b", ""], [None, "b"]),
    "floats": ([1.0, -0.0, float("nan"), 2.5], [0.0, None]),
    "bytes": ([b"x", b"", b"y", None], [b"y"]),
    "lists": ([[1.0, 2.0], [2.0, 1.0], [], None], [[2.0, 1.0]]),
    "lists of text": ([["a", "b"], ["ab"], ["a"], ["b", "a"]], [["a", "b"]]),
    "structs": ([{"a": 1, "b": "x"}, {"a": 2, "b": "x"}, None], [{"a": 1, "b": "x"}]),
    "yes and no": ([True, False, None], [False]),
    "lists of lists": ([[[1.0], [2.0, 3.0]], [[1.0, 2.0], [3.0]]], [[[1.0, 2.0], [3.0]]]),
    "large": ([2**60, 2**60 + 1, 3], [2**60 + 1]),
}


@pytest.mark.parametrize(("cells", "asked"), SAME.values(), ids=SAME)
def test_marks_are_the_same_for_the_same_cells_and_for_no_others(cells, asked):
    both = pa.array([*cells, *asked])
    marks = cell_marks(both)

    def plain(cell: object) -> object:
        cell = cell.strip() or None if isinstance(cell, str) else cell
        return None if cell != cell else repr(cell + 0.0) if isinstance(cell, float) else repr(cell)

    names = [None if cell is None else plain(cell) for cell in both.to_pylist()]
    names = [None if name == "None" else name for name in names]
    for one, name in zip(marks, names, strict=True):
        for other, another in zip(marks, names, strict=True):
            assert (one == other) == (name == another), (name, another)
    assert [mark == NOTHING for mark in marks] == [name is None for name in names]


def test_days_and_moments_are_compared_and_what_cannot_be_is_different():
    days = pa.array(["2020-01-01", "2020-01-02", "2020-01-01"]).cast(pa.date32())
    marks = cell_marks(days)
    assert marks[0] == marks[2] != marks[1]
    kind = pa.month_day_nano_interval()
    assert len(np.unique(cell_marks(pa.array([(1, 2, 3)] * 3, kind)))) == 3


def test_a_million_marks_do_not_meet():
    assert len(np.unique(cell_marks(pa.array(np.arange(1_000_000))))) == 1_000_000
