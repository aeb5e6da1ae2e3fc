"""Columns that give a target away."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch

from plait._words import percent
from plait.data import Masked, Table
from plait.tasks import Task

from ._alone import alone
from ._facets import Facet, days, facets
from ._finding import Finding

CLASS = 0.98
"""From this share of the errors of the most frequent class on, a column gives a class away."""
NUMBER = 0.99
"""From this share of the variance of the ranks on, a column gives a number away."""
MISTAKES = 15
"""So many errors there have to be before their absence says anything."""
ROWS = 50
"""So many labels there have to be."""
TRIED = 50_000
"""Rows that are tried, evenly spread."""
PURE = 0.995
"""From this share of one class on, the rows that have a cell (or have none) are of that class."""
COMMON = 0.8
"""A class more frequent than this is that of any rows."""
SIDES = 16
"""How many labels of one target are tried by themselves."""
TIMES = 6
"""How many columns of times are tried in pairs."""

Side = tuple[np.ndarray, np.ndarray, bool]
"""Labels, the rows that have one, and whether they are classes."""


class Hit(NamedTuple):
    """What gave a target away.

    Args:
        what: Which side of the column; ``"filled"`` or ``"empty"`` where it is only that.
        score: How well.
        rows: On how many rows.
        classes: Whether the target has classes.
        usual: How frequent the class is in all rows, where it is only that a cell is filled.
        near: Whether it was answered by the rows of the nearest values.
    """

    what: str
    score: float
    rows: int
    classes: bool
    usual: float | None = None
    near: bool = False


def leaks(
    table: Table,
    tasks: Mapping[str, Task],
    columns: Sequence[str],
    times: Sequence[str],
    unused: Collection[str],
) -> list[Finding]:
    """The columns that, alone, answer a target on rows that were held out.

    Args:
        table: The rows, no more than are to be tried.
        tasks: The fitted tasks.
        columns: Those to try.
        times: Those of them that hold days or moments.
        unused: Those that no model would see.
    """
    sides = {name: list(_sides(task, table)) for name, task in tasks.items()}
    found: list[Finding] = []
    for column in columns:
        tried = facets(table[column])
        for name, answers in sides.items():
            hit = _best(tried, answers) or _filled(tried, answers)
            if hit:
                found.append(_told([column], name, hit, column in unused))
    for one, other in combinations(times[:TIMES], 2):
        between = Facet("", days(table[other]) - days(table[one]), True)
        for name, answers in sides.items():
            numbers = [each for each in answers if not each[2]]
            if hit := _best([between], numbers):
                found.append(_told([one, other], name, hit, False))
    return found


def _sides(task: Task, table: Table) -> Iterator[Side]:
    cells = task.pack(table).cells
    assert isinstance(cells, Masked), "labels are packed dense"
    there = cells.mask.numpy()
    values = cells.values.numpy()[there]
    rows = np.flatnonzero(there)
    if values.ndim == 1:
        yield values.astype(np.int64), rows, True
    elif type(task).__name__ == "Regression":
        for entry in values.T[:SIDES]:
            yield entry.astype(np.float64), rows, False
    elif type(task).__name__ == "MultiLabel":
        frequent = torch.from_numpy(values).sum(0).argsort(descending=True)[:SIDES].tolist()
        for label in frequent:
            yield values[:, label].astype(np.int64), rows, True
    elif values.shape[1] == 1:  # no or yes
        yield values[:, 0].round().astype(np.int64), rows, True
    else:  # shares of classes
        yield values.argmax(1), rows, True


def _best(tried: Sequence[Facet], answers: Sequence[Side]) -> Hit | None:
    hits = []
    for facet in tried:
        for labels, rows, classes in answers:
            if len(labels) < ROWS:
                continue
            values = facet.values[rows]
            for some in _wholes(values):
                told = alone(values[some], labels[some], ordered=facet.ordered, classes=classes)
                score, count = told
                enough = count >= (MISTAKES if classes else ROWS)
                if enough and score >= (CLASS if classes else NUMBER):
                    many = len(values[some])
                    hits.append(Hit(facet.what, score, many, classes, near=facet.ordered))
    return max(hits, key=lambda hit: hit.score, default=None)


def _wholes(values: np.ndarray) -> Iterator[slice | np.ndarray]:
    # All rows, an empty cell being an answer too; and those that have a cell.
    yield slice(None)
    there = ~np.isnan(values)
    if ROWS <= there.sum() < len(there):
        yield there


def _filled(tried: Sequence[Facet], answers: Sequence[Side]) -> Hit | None:
    for facet in tried[:1]:
        for labels, rows, classes in answers:
            if not classes or len(labels) < ROWS:
                continue
            empty = np.isnan(facet.values[rows])
            shares = np.bincount(labels) / len(labels)
            for what, inside in (("filled", ~empty), ("empty", empty)):
                count = int(inside.sum())
                if min(count, len(labels) - count) < ROWS:
                    continue
                among = np.bincount(labels[inside], minlength=len(shares))
                most = int(among.argmax())
                if among[most] >= PURE * count and shares[most] <= COMMON:
                    return Hit(what, float(among[most] / count), count, True, float(shares[most]))
    return None


def _told(columns: Sequence[str], name: str, hit: Hit, unused: bool) -> Finding:
    figures: dict[str, Any] = {"score": round(hit.score, 6), "rows": hit.rows}
    if len(columns) > 1:
        figures["columns"] = list(columns)
    subject = " and ".join(map(repr, columns))
    if hit.usual is not None:
        figures |= {"when": hit.what, "usual": round(hit.usual, 6)}
        told = (
            f"{percent(hit.score)} of the {hit.rows:,} rows in which {subject} is {hit.what} have "
            f"the same {name!r}, of all rows {percent(hit.usual)}: is it filled when the answer is "
            "known?"
        )
    else:
        part = "The time between " if len(columns) > 1 else f"{hit.what} in " if hit.what else ""
        measure = "errors of the most frequent class" if hit.classes else "variance of its ranks"
        told = (
            f"{part[:1].upper() + part[1:]}{subject} alone gives {name!r} away: "
            f"{percent(hit.score)} of the {measure} are gone in rows that were held "
            f"out, of {hit.rows:,}."
        )
    if unused and not hit.near:
        told += " No model sees it: leave it so."
    elif unused:
        told += (
            " No model sees it; but rows beside each other seem to have like answers. Hold back "
            "whole stretches of them with `valid=`."
        )
    else:
        told += (
            " Would you know it before the answer? If not, leave it out: "
            f"inputs={{{columns[-1]!r}: 'ignore'}}."
        )
    return Finding("leak", told, columns[0], name, figures)
