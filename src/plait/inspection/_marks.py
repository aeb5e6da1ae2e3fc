"""A number for each row that is the same for the same cells: equal rows are found by sorting."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.data import Table
from plait.data._cells import is_bytes, is_list, is_number, is_string, texts

Marks = np.ndarray
"""uint64 ``[rows]``; two different rows have the same one by chance once in 10**19 pairs."""

NOTHING = np.uint64(0x51F3A9C87E21D04B)
"""The mark of an empty cell."""


def row_marks(table: Table, columns: Sequence[str]) -> tuple[Marks, np.ndarray]:
    """A mark for each row over some columns, and which rows have nothing in any of them."""
    found = np.zeros(len(table), np.uint64)
    hollow = np.ones(len(table), bool)
    for column in columns:
        marks = cell_marks(table[column])
        hollow &= marks == NOTHING
        found = mixed(found + marks)
    return found, hollow


def cell_marks(cells: pa.Array) -> Marks:
    """A mark for each cell; text is trimmed, and NaN and empty text are empty cells.

    Cells of a type that cannot be compared are taken as all different, so that no row is called
    the same as another that may not be.

    Example:
        >>> marks = cell_marks(pa.array(["a", " a", "b", "", None]))
        >>> bool(marks[0] == marks[1]), bool(marks[0] == marks[2]), bool(marks[3] == marks[4])
        (True, False, True)
    """
    kind = cells.type
    if isinstance(cells, pa.StructArray):
        parts = [cell_marks(each) for each in cells.flatten()]
        marks = np.zeros(len(cells), np.uint64)
        for part in parts:
            marks = mixed(marks + part)
    elif is_list(kind):
        marks = _of_lists(cells)
    elif is_string(kind) or is_bytes(kind):
        cells = texts(cells) if is_string(kind) else cells
        marks = _of_whole(pc.fill_null(cells.dictionary_encode().indices, -1))
    elif pa.types.is_floating(kind):
        cells = pc.if_else(pc.is_nan(cells), pa.scalar(None, kind), cells)
        known = pc.fill_null(cells, 0.0).cast(pa.float64()).to_numpy(zero_copy_only=False)
        marks = mixed((known + 0.0).view(np.uint64))  # so that -0 is 0
    elif is_number(kind) or pa.types.is_boolean(kind):
        # Whole numbers are those of a table that has floats for them, one hole being enough.
        small = pc.fill_null(cells.cast(pa.int8()) if kind == pa.bool_() else cells, 0)
        known = small.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        marks = mixed((known + 0.0).view(np.uint64))
        if pa.types.is_integer(kind):
            exact = small.cast(pa.int64(), safe=False).to_numpy(zero_copy_only=False)
            large = np.abs(known) >= 2.0**53
            marks[large] = mixed(exact[large].view(np.uint64))
    elif pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        marks = _of_whole(pc.fill_null(cells.cast(width), 0).cast(pa.int64()))
    else:
        return mixed(np.arange(len(cells), dtype=np.uint64))
    marks[cells.is_null().to_numpy(zero_copy_only=False)] = NOTHING
    return marks


def mixed(marks: Marks) -> Marks:
    """Other numbers, one for each, that look drawn at random (SplitMix64).

    Source:
        Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014.
    """
    marks = marks + np.uint64(0x9E3779B97F4A7C15)
    marks = (marks ^ (marks >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    marks = (marks ^ (marks >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return marks ^ (marks >> np.uint64(31))


def _of_whole(cells: pa.Array) -> Marks:
    return mixed(cells.to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64))


def _of_lists(cells: pa.Array) -> Marks:
    cells = cells.cast(pa.large_list(cells.type.value_type))
    lengths = pc.fill_null(pc.list_value_length(cells), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    place = np.arange(ends[-1] if len(ends) else 0) - np.repeat(starts, lengths)
    entries = mixed(cell_marks(cells.flatten()) + mixed(place.astype(np.uint64)))
    # Sums wrap around, and their differences wrap back.
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(entries, dtype=np.uint64)])
    return mixed(sums[ends] - sums[starts] + lengths.astype(np.uint64))
