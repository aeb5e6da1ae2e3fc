"""Measurements in order: sorted, each once, and no longer than they may be."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from plait._errors import DataError, listing
from plait.data import Note, Table

from ._series_events import Events, lengths, starts


def in_order(events: Events, column: str) -> tuple[Events, list[Note]]:
    """Sorted by row and time; rows whose times were not rising are counted.

    Example:
        >>> row, zero = np.array([0, 0]), np.zeros(2, np.int64)
        >>> events = Events(row, zero, np.array([5.0, 3.0]), np.array([1.0, 2.0]))
        >>> done, notes = in_order(events, "x")
        >>> done.time.tolist(), str(notes[0])
        ([3.0, 5.0], 'x: 1 rows out of order, sorted')
    """
    back = np.diff(events.time) < 0
    same = np.diff(events.row) == 0
    unsorted = len(np.unique(events.row[1:][back & same]))
    if unsorted or (np.diff(events.row) < 0).any():
        events = events.take(np.lexsort((events.time, events.row)))
    notes = [Note(column, "rows out of order, sorted", unsorted)] if unsorted else []
    return events, notes


def cut(
    events: Events, longest: int, keep: Literal["first", "last"], column: str
) -> tuple[Events, list[Note]]:
    """At most so many points of time of each row; longer rows are counted.

    Args:
        events: Sorted by row and time.
        longest: How many different times a row may have.
        keep: The end that is kept.
        column: For the note.
    """
    if not len(events):
        return events, []
    point = np.zeros(len(events), np.int64)
    point[starts(events.row, events.time)] = 1
    begin = starts(events.row)
    count = lengths(begin, len(events))
    point = point.cumsum()
    point -= np.repeat(point[begin], count)
    points = point[begin + count - 1] + 1
    long = int((points > longest).sum())
    if not long:
        return events, []
    kept = point < longest
    if keep == "last":
        kept = np.repeat(points, count) - point <= longest
    return events.take(kept), [Note(column, f"cut to {longest} points of time", long)]


def each_once(
    events: Events,
    names: Sequence[str],
    duplicates: Literal["mean", "refuse"],
    table: Table,
    column: str,
) -> tuple[Events, list[Note]]:
    """Sorted by row, channel and time, with one measurement for each.

    Args:
        events: Sorted by row and time.
        names: Those of the channels.
        duplicates: Whether several measurements of a channel at one time become their mean, or
            are an error.
        table: Where the rows come from.
        column: For messages.

    Raises:
        DataError: If there are several, and they are refused.
    """
    events = events.take(np.lexsort((events.time, events.channel, events.row)))
    begin = starts(events.row, events.channel, events.time)
    twice = len(events) - len(begin)
    if not twice:
        return events, []
    count = lengths(begin, len(events))
    if duplicates == "refuse":
        several = events.take(begin[count > 1])
        rows = [f"row {row}" for row in table.numbers(np.unique(several.row))]
        raise DataError(
            f"The series of {column!r} should hold one measurement of a channel at a time. Found "
            f"{twice:,} more in {listing(rows)}, the first of {names[several.channel[0]]!r} at "
            f"{several.time[0]:g}. Drop them, or take `duplicates='mean'`."
        )
    # Halved before they are added, and doubled after: the sum of two large numbers stays finite.
    values = 2 * np.add.reduceat(events.value / 2 / np.repeat(count, count), begin)
    note = Note(column, "measured again at the same time, averaged", twice)
    return replace(events.take(begin), value=values), [note]
