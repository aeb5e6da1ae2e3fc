"""Measurements to one block of numbers for each row."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from plait.data import Table

from ._base import FAR
from ._series_events import Events, lengths, starts
from ._series_fit import SeriesFit
from ._series_order import cut, each_once, in_order
from ._series_plan import Plan
from ._series_read import read
from ._series_reading import Reading
from ._series_summary import means, summaries


def ordered(table: Table, plan: Plan, first: bool | None) -> Reading:
    """All measurements of a table, each once, sorted by row, channel and time.

    Args:
        table: The rows.
        plan: How they are written, and what may stay.
        first: Whether times count from the first one of each row; None for as they stand.
    """
    found = read(table, plan.roles)
    column = plan.roles.columns[0]
    events, sorted_notes = in_order(found.events, column)
    events, cut_notes = cut(events, plan.max_length, plan.keep, column)
    if len(events) and (first or found.clock is None):
        begin = starts(events.row)
        early = np.repeat(events.time[begin], lengths(begin, len(events)))
        events = replace(events, time=events.time - early)
    events, once_notes = each_once(events, found.names, plan.duplicates, table, column)
    notes = (*found.notes, *sorted_notes, *cut_notes, *once_notes)
    return replace(found, events=events, notes=notes)


def block(
    events: Events, rows: int, fit: SeriesFit, plan: Plan
) -> Float64[np.ndarray, "rows channels entries"]:
    """For each channel of each row its statistics, of the whole and of each part, then its steps.

    Args:
        events: Of known channels, sorted by row, channel and time.
        rows: How many rows there are.
        fit: What is known of the channels.
        plan: What is wanted.
    """
    channels = len(fit.channels)
    groups = events.row * channels + events.channel
    time = events.time / fit.span
    timed = replace(events, time=time)
    entries = []
    if plan.summary:
        entries.append(summaries(timed, groups, rows * channels))
    if plan.windows > 1:
        part = (time * plan.parts).astype(np.int64).clip(0, plan.parts - 1)
        count = rows * channels * plan.parts
        found = summaries(timed, groups * plan.parts + part, count)
        entries.append(found.reshape(rows * channels, -1))
    if plan.grid:
        step = (time * fit.steps).astype(np.int64).clip(0, fit.steps - 1)
        found = means(timed, groups * fit.steps + step, rows * channels * fit.steps)
        middle = np.array(fit.mean)[:, None], np.array(fit.std)[:, None]
        scaled = (found.reshape(rows, channels, -1) - middle[0]) / middle[1]
        entries.append(scaled.reshape(rows * channels, -1).clip(-FAR, FAR))
    return np.concatenate(entries, 1).reshape(rows, channels, -1)
