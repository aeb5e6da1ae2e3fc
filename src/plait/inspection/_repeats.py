"""Rows that are there twice, and rows that say two things of the same."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from plait._words import percent
from plait.data import Table
from plait.data._fit import as_one

from ._finding import Finding
from ._marks import NOTHING, cell_marks, mixed, row_marks

FEW = 3
"""How many examples are shown."""


def repeats(
    table: Table, valid: Table | None, inputs: Sequence[str], targets: Mapping[str, str]
) -> list[Finding]:
    """Rows without inputs, duplicates in a table and across two, and contradicting labels.

    Args:
        table: The rows.
        valid: Those of a second table.
        inputs: The columns that a model would see.
        targets: The column of each target.
    """
    labels = [column for column in targets.values() if column in table]
    both = _both(table, valid, [*inputs, *labels])
    marks, hollow = row_marks(both, inputs)
    answers = {c: cell_marks(both[c].slice(0, len(table))) for c in labels}
    mine, theirs = marks[: len(table)], marks[len(table) :]
    filled = ~hollow[: len(table)]
    found = _empty(hollow[: len(table)])
    found += _inside(mine, filled, list(answers.values()))
    if valid is not None:
        found += _across(mine[filled], np.flatnonzero(filled), theirs, hollow[len(table) :])
    for name, column in targets.items():
        if column in answers:
            found += _against(name, column, mine, answers[column], filled)
    return found


def _both(table: Table, valid: Table | None, columns: Sequence[str]) -> Table:
    first = table.arrow.select(columns)
    if valid is None:
        return Table(first, table.root)
    there = [name for name in columns if name in valid]
    second = valid.arrow.select(there)
    for name in columns:
        if name not in valid:
            kind = table.arrow.schema.field(name).type
            second = second.append_column(name, pa.nulls(len(valid), kind))
    return Table(as_one([first, second.select(columns)]), table.root)


def _empty(hollow: np.ndarray) -> list[Finding]:
    count = int(hollow.sum())
    if not count:
        return []
    told = (
        f"{count:,} rows have nothing in any input (row {np.flatnonzero(hollow)[0]:,}, counted "
        "from 0). All of them are answered alike. Leave them out, if that is a fault."
    )
    rows = tuple((int(row),) for row in np.flatnonzero(hollow)[:FEW])
    return [Finding("empty", told, figures={"rows": count}, rows=rows)]


def _inside(marks: np.ndarray, filled: np.ndarray, answers: list[np.ndarray]) -> list[Finding]:
    for each in answers:
        marks = mixed(marks + each)
    places = np.flatnonzero(filled)
    order = places[np.argsort(marks[places], kind="stable")]
    same = marks[order[1:]] == marks[order[:-1]]
    count = int(same.sum())
    if not count:
        return []
    rows = _earliest(order[:-1][same], order[1:][same])
    share = count / len(marks)
    told = (
        f"{count:,} rows ({percent(share)} of all) repeat another one in every input and target, "
        f"such as rows {_written(rows)} (counted from 0). What is held back by chance is then "
        "seen in training too. Keep one of each, or hold back whole groups with `valid=`."
    )
    return [Finding("duplicate", told, figures={"rows": count, "share": share}, rows=rows)]


def _across(
    marks: np.ndarray, places: np.ndarray, theirs: np.ndarray, hollow: np.ndarray
) -> list[Finding]:
    known, first = np.unique(marks, return_index=True)
    spot = np.searchsorted(known, theirs).clip(max=max(len(known) - 1, 0))
    twin = (known[spot] == theirs) & ~hollow if len(known) else np.zeros(len(theirs), bool)
    count = int(twin.sum())
    if not count:
        return []
    rows = tuple(
        (int(row), int(places[first[spot[row]]])) for row in np.flatnonzero(twin)[:FEW].tolist()
    )
    share = count / len(theirs)
    told = (
        f"{count:,} rows of the second table ({percent(share)} of it) have the inputs of a row of "
        f"the first, such as {_written(rows)} (its row first, counted from 0). Scores on them "
        "say how well was learned by heart. Take them out of one of the two."
    )
    return [Finding("shared", told, figures={"rows": count, "share": share}, rows=rows)]


def _against(
    name: str, column: str, marks: np.ndarray, answers: np.ndarray, filled: np.ndarray
) -> list[Finding]:
    places = np.flatnonzero(filled & (answers != NOTHING))
    order = places[np.lexsort((answers[places], marks[places]))]
    key, label = marks[order], answers[order]
    begins = np.concatenate([[True], key[1:] != key[:-1]]) if len(key) else np.zeros(0, bool)
    group = np.cumsum(begins) - 1
    turns = np.concatenate([[True], (label[1:] != label[:-1]) | begins[1:]]) if len(key) else begins
    sorts = np.bincount(group[turns]) if len(key) else np.zeros(0, np.int64)
    split = sorts > 1
    count = int(split[group].sum())
    if not count:
        return []
    # The most frequent label of each group is the best that anybody can answer.
    run = np.cumsum(turns) - 1
    best = np.zeros(len(sorts), np.int64)
    np.maximum.at(best, group[turns], np.bincount(run))
    wrong = int((np.bincount(group) - best)[split].sum())
    first = np.flatnonzero(split)[:FEW]
    starts = np.flatnonzero(begins)
    rows = []
    for each in first.tolist():
        start = int(starts[each])
        other = start + int(np.flatnonzero(label[start:] != label[start])[0])
        rows.append((int(order[start]), int(order[other])))
    told = (
        f"{count:,} rows have the inputs of another row and not its label of {name!r}, in "
        f"{int(split.sum()):,} groups, such as rows {_written(rows)} (counted from 0). Whatever is "
        f"answered, at least {wrong:,} of {len(places):,} labels are missed. Mend the labels, or "
        "add a column that tells these rows apart."
    )
    figures = {
        "rows": count,
        "groups": int(split.sum()),
        "labeled": len(places),
        "missed_at_least": wrong,
    }
    return [Finding("contradiction", told, column, name, figures, tuple(rows))]


def _earliest(one: np.ndarray, other: np.ndarray) -> tuple[tuple[int, ...], ...]:
    few = np.argsort(other, kind="stable")[:FEW]
    return tuple((int(one[at]), int(other[at])) for at in few)


def _written(rows: Sequence[tuple[int, ...]]) -> str:
    return "; ".join(" and ".join(f"{row:,}" for row in group) for group in rows)
