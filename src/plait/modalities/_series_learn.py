"""What has to be known of the series of training."""

from dataclasses import replace

import numpy as np

from ._base import FAR
from ._series_events import lengths, starts
from ._series_fit import SeriesFit
from ._series_pack import block
from ._series_plan import Plan
from ._series_reading import Reading

STEPS = 24
LATEST = 0.995
"""The share of rows that end within the span: a time may be as impossible as a number."""
LARGEST = 1e100
SMALLEST = 1e-12


def learned(
    found: Reading,
    rows: int,
    plan: Plan,
    *,
    steps: int | None,
    first: bool | None,
    most: int,
    clip: float,
    bins: int,
) -> SeriesFit:
    """The channels, their range, the length of time, and the spread of each statistic.

    Args:
        found: All measurements of the training rows; one at least.
        rows: How many rows there are.
        plan: What is wanted of them.
        steps: How many steps there are; None to choose.
        first: Whether times count from the first one of each row; None to choose.
        most: How many channels there may be.
        clip: The share of measurements at either end that is held at its edge.
        bins: How many intervals a statistic has at most.
    """
    events = replace(found.events, value=found.events.value.clip(-LARGEST, LARGEST))
    counts = np.bincount(events.channel, minlength=len(found.names))
    # By name and not by first appearance: the order of rows must not matter.
    order = np.lexsort((np.array(found.names), -counts))[:most]
    chosen = sorted(order.tolist(), key=lambda each: found.names[each])
    if found.clock is None or _columns(plan):
        chosen = sorted(order.tolist())
    chosen = [each for each in chosen if counts[each]] or chosen
    places = np.full(len(found.names), -1)
    places[chosen] = np.arange(len(chosen))
    events = replace(events, channel=places[events.channel])
    events = events.take(events.channel >= 0)
    events = events.take(np.lexsort((events.time, events.channel, events.row)))
    by_row = events.take(np.lexsort((events.time, events.row)))
    begin = starts(by_row.row)
    size = lengths(begin, len(by_row))
    early, late = by_row.time[begin], by_row.time[begin + size - 1]
    if first is None:
        longest = np.quantile(late, LATEST)
        first = found.clock is not None and (
            found.clock == "moments" or early.min() < 0 or np.median(early) > longest / 10
        )
        if first:
            shift = np.zeros(rows)
            shift[by_row.row[begin]] = early
            events = replace(events, time=events.time - shift[events.row])
            late = late - early
    span = float(np.quantile(late, LATEST, method="higher"))
    if found.clock is None:
        span = float(late.max()) + 1
        steps = steps or int(span)
    span = span if span > 0 else 1.0
    low, high, mean, std = [], [], [], []
    for channel in range(len(chosen)):
        values = events.value[events.channel == channel]
        values = values if len(values) else np.zeros(1)
        low.append(float(np.quantile(values, clip, method="lower")))
        high.append(float(np.quantile(values, 1 - clip, method="higher")))
        held = values.clip(low[-1], high[-1])
        center, scale = _moments(held)
        mean.append(center)
        std.append(scale)
    fit = SeriesFit(
        channels=tuple(found.names[each] for each in chosen),
        low=tuple(low),
        high=tuple(high),
        mean=tuple(mean),
        std=tuple(std),
        first=bool(first),
        span=span,
        steps=steps or STEPS,
    )
    if not plan.summary:
        return fit
    held = events.value.clip(np.array(low)[events.channel], np.array(high)[events.channel])
    statistics = block(replace(events, value=held), rows, fit, replace(plan, grid=False))
    columns = statistics.reshape(rows, -1).T
    known = [column[np.isfinite(column)] for column in columns]
    centers, scales = zip(*(_moments(each) for each in known), strict=True)
    knots = tuple(_knots(each, bins) for each in known)
    fit = replace(fit, centers=centers, scales=scales, knots=knots)
    scaled = [(each - c) / s for each, c, s in zip(known, centers, scales, strict=True)]
    parts = zip(scaled, fit.edges, strict=True)
    return replace(fit, levels=tuple(_levels(each, edges, rows) for each, edges in parts))


def _columns(plan: Plan) -> bool:
    return len(plan.roles.columns) > 1 and plan.roles.variable is None


def _moments(values: np.ndarray) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    std, largest = float(values.std()), float(np.abs(values).max())
    return float(values.mean()), std if std > SMALLEST * largest else 1.0


def _knots(values: np.ndarray, bins: int) -> tuple[float, ...]:
    if not len(values):
        return 0.0, 1.0
    distinct = np.unique(values)
    if len(distinct) > bins + 1:
        distinct = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    if len(distinct) == 1:
        distinct = np.array([distinct[0], distinct[0] + max(1.0, 1e-6 * abs(distinct[0]))])
    return tuple(distinct.tolist())


def _levels(values: np.ndarray, edges: tuple[float, ...], rows: int) -> tuple[float, ...]:
    """The means over all rows of the entries of a statistic; those of an empty one are zero."""
    values = values.clip(-FAR, FAR)
    low, step = np.array(edges[:-1]), np.diff(edges).clip(1e-6)
    reach = ((values[:, None] - low) / step).clip(0, 1).sum(0)
    held = (values / np.sqrt(1 + (values / 3) ** 2)).sum()
    count = max(rows, 1)
    return (*(reach / count).tolist(), float(held / count), 1 - len(values) / count)
