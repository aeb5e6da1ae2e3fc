"""What is not distributed alike in two tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._words import percent
from plait.data import Table
from plait.data._cells import is_list, is_string, is_time, lists, texts

from ._facets import days, facets
from ._finding import Finding

SHIFT = 0.25
"""A mean that moved by so many standard deviations drifted."""
DISTANCE = 0.1
"""So far apart the shares of values may lie, at the worst place (numbers) or in all (classes)."""
UNSEEN = 0.01
"""So many cells may hold a category that the first table does not have, beyond what is usual."""
MISSING = 0.05
"""So much the share of empty cells may change."""
ERRORS = 4.0
"""So many standard errors a difference has to be, or it may be chance."""
LEAST = 5
"""Cells with a new category that there have to be."""
TRIED = 200_000
"""Rows of each table that are compared, evenly spread."""


def drift(
    table: Table,
    valid: Table,
    kinds: Mapping[str, str],
    targets: Mapping[str, str],
) -> list[Finding]:
    """Columns whose cells differ between two tables by more than chance and enough to matter.

    Args:
        table: The first table, no more rows than are to be compared.
        valid: The second, likewise.
        kinds: The kind of each input column, as the name of a modality.
        targets: The column of each target, and ``"class"`` or ``"number"``.
    """
    found = _columns(table, valid, [*kinds, *targets])
    for column, kind in {**kinds, **targets}.items():
        if column not in table or column not in valid:
            continue
        figures = compared(table[column], valid[column], kind)
        reasons = _reasons(figures, len(table), len(valid))
        if reasons:
            what = "The target" if column in targets else "The column"
            told = (
                f"{what} {column!r} is not the same in the second table: {'; '.join(reasons)}. "
                "Were the two made alike? What the first teaches may not hold in the second."
            )
            found.append(Finding("drift", told, column, figures=figures))
    return found


def compared(one: pa.Array, other: pa.Array, kind: str) -> dict[str, Any]:
    """How the cells of two tables differ.

    Returns:
        ``missing`` (the share in both); of numbers and times ``shift`` (of the mean, in standard
        deviations of the first), ``ks`` (the largest distance of the cumulated shares); of
        categories ``distance`` (half the sum of the differences of shares), ``expected`` (what
        chance makes of it), ``unseen`` (the share of cells whose category is new) and
        ``usual_unseen`` (the share of categories of one row in the first table, which is about
        how many new ones to expect).
    """
    if kind in ("Categorical", "class", "Tags"):
        return _categories(*(_texts(cells) for cells in (one, other)))
    sides = [_numbers(cells, kind) for cells in (one, other)]
    missing = [float(np.isnan(each).mean()) for each in sides]
    first, second = (each[~np.isnan(each)] for each in sides)
    figures: dict[str, Any] = {"missing": missing}
    if kind == "other" or not (len(first) and len(second)):
        return figures
    spread = float(first.std())
    figures["shift"] = float(second.mean() - first.mean()) / spread if spread > 0 else 0.0
    figures["ks"] = distance(first, second)
    figures["cells"] = [len(first), len(second)]
    return figures


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The largest distance of the cumulated shares (Kolmogorov and Smirnov), from 0 to 1.

    Example:
        >>> distance(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 9.0]))
        0.33...
    """
    places = np.unique(np.concatenate([one, other]))
    below = [np.searchsorted(np.sort(each), places, "right") / len(each) for each in (one, other)]
    return float(np.abs(below[0] - below[1]).max())


def _categories(one: pa.Array, other: pa.Array) -> dict[str, Any]:
    missing = [each.null_count / max(len(each), 1) for each in (one, other)]
    known = [each.drop_null() for each in (one, other)]
    figures: dict[str, Any] = {"missing": missing}
    if not all(map(len, known)):
        return figures
    # One dictionary for both, so that the codes mean the same.
    both = pa.concat_arrays(known).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    n, m = map(len, known)
    size = int(both.max()) + 1
    first, second = (np.bincount(c, minlength=size) for c in (both[:n], both[n:]))
    shares = (first + second) / (n + m)
    chance = np.sqrt(shares * (1 - shares) * (1 / n + 1 / m) * 2 / math.pi)
    new = np.flatnonzero((first == 0) & (second > 0))
    few = new[np.argsort(-second[new], kind="stable")][:3]
    order = np.unique(both, return_index=True)[1]
    names = pa.concat_arrays(known)
    return {
        **figures,
        "distance": float(np.abs(first / n - second / m).sum() / 2),
        "expected": float(chance.sum() / 2),
        "unseen": float(second[new].sum() / m),
        "usual_unseen": float((first == 1).sum() / n),
        "new": [names[int(order[code])].as_py() for code in few],
        "cells": [n, m],
    }


def _reasons(figures: Mapping[str, Any], rows: int, others: int) -> list[str]:
    told = []
    before, after = figures["missing"]
    mean = (before * rows + after * others) / (rows + others)
    error = math.sqrt(mean * (1 - mean) * (1 / rows + 1 / others))
    if abs(after - before) > max(MISSING, ERRORS * error):
        told.append(f"{percent(after)} of its cells are empty, there {percent(before)}")
    if "cells" not in figures:
        return told
    n, m = figures["cells"]
    noise = math.sqrt(1 / n + 1 / m)
    if "ks" in figures:
        shift, ks = figures["shift"], figures["ks"]
        if abs(shift) > max(SHIFT, ERRORS * noise) or ks > max(DISTANCE, ERRORS / 2 * noise):
            told.append(
                f"its mean moved by {shift:+.2f} standard deviations, and the shares below some "
                f"value differ by up to {ks:.2f}"
            )
        return told
    if figures["distance"] > figures["expected"] + DISTANCE:
        told.append(
            f"the shares of its categories differ by {figures['distance']:.2f} in all, by chance "
            f"{figures['expected']:.2f}"
        )
    unseen = figures["unseen"]
    if unseen > UNSEEN + 2 * figures["usual_unseen"] and unseen * m >= LEAST:
        new = ", ".join(map(repr, figures["new"]))
        told.append(
            f"{percent(unseen)} of its cells hold what the first table does not have ({new})"
        )
    return told


def _columns(table: Table, valid: Table, columns: Sequence[str]) -> list[Finding]:
    gone = [name for name in columns if name in table and name not in valid]
    more = [name for name in valid.names if name not in table]
    found = []
    for name in gone:
        told = f"The second table has no column {name!r}: there it would be taken as empty."
        found.append(Finding("columns", told, name, figures={"in": "first"}))
    for name in more:
        told = f"The first table has no column {name!r}: nothing can be learned of it."
        found.append(Finding("columns", told, name, figures={"in": "second"}))
    return found


def _texts(cells: pa.Array) -> pa.Array:
    return lists(cells, ",")[0] if is_list(cells.type) else texts(cells)


def _numbers(cells: pa.Array, kind: str) -> np.ndarray:
    if kind in ("Datetime",) or is_time(cells.type):
        return days(cells)
    if is_list(cells.type):
        lengths = pc.list_value_length(cells).cast(pa.float64())
        return lengths.to_numpy(zero_copy_only=False)
    if kind == "Text" and is_string(cells.type):
        lengths = pc.utf8_length(texts(cells)).cast(pa.float64())
        return lengths.to_numpy(zero_copy_only=False)
    found = facets(cells) if kind in ("Numeric", "Geo", "number") else []
    if found and found[0].ordered:
        return found[0].values
    return np.where(cells.is_null().to_numpy(zero_copy_only=False), np.nan, 0.0)
