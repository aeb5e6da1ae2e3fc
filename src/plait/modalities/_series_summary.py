"""What series come to: statistics, and means of equal steps of time."""

import numpy as np
from jaxtyping import Float64, Int64

from ._series_events import Events, lengths, starts

STATISTICS = (
    "first",
    "last",
    "least",
    "greatest",
    "mean",
    "spread",
    "count",
    "slope",
    "begin",
    "end",
)
"""In the order in which they are laid out."""


def summaries(
    events: Events,
    groups: Int64[np.ndarray, " events"],
    count: int,
) -> Float64[np.ndarray, "groups statistics"]:
    r"""Statistics of groups of measurements, NaN where there are none.

    The spread is the standard deviation, of two measurements or more. The slope is that of the
    straight line nearest to them, :math:`\sum (t - \bar t)(v - \bar v) / \sum (t - \bar t)^2`,
    where times differ.

    Args:
        events: In order of time within each group.
        groups: The group of each, rising.
        count: How many groups there are.

    Example:
        >>> zero = np.zeros(3, np.int64)
        >>> events = Events(zero, zero, np.array([0.0, 1.0, 2.0]), np.array([4.0, 1.0, 1.0]))
        >>> found = summaries(events, zero, 1)[0].round(3)
        >>> dict(zip(STATISTICS, found.tolist()))
        {'first': 4.0, 'last': 1.0, 'least': 1.0, 'greatest': 4.0, 'mean': 2.0, 'spread': 1.414,
         'count': 3.0, 'slope': -1.5, 'begin': 0.0, 'end': 2.0}
    """
    found = np.full((count, len(STATISTICS)), np.nan)
    if not len(events):
        return found
    begin = starts(groups)
    size = lengths(begin, len(events))
    value, last = events.value, begin + size - 1
    mean = np.add.reduceat(value, begin) / size
    late = np.add.reduceat(events.time, begin) / size
    off, later = value - np.repeat(mean, size), events.time - np.repeat(late, size)
    spread = np.sqrt(np.add.reduceat(off * off, begin) / size)
    apart = np.add.reduceat(later * later, begin)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.add.reduceat(off * later, begin) / apart
    found[groups[begin]] = np.stack(
        [
            value[begin],
            value[last],
            np.minimum.reduceat(value, begin),
            np.maximum.reduceat(value, begin),
            mean,
            np.where(size > 1, spread, np.nan),
            size,
            # Times that are the same but for rounding say nothing of a slope.
            np.where(events.time[last] - events.time[begin] > 1e-9, slope, np.nan),
            events.time[begin],
            events.time[last],
        ],
        1,
    )
    return found


def means(
    events: Events, groups: Int64[np.ndarray, " events"], count: int
) -> Float64[np.ndarray, " groups"]:
    """The mean of each group of measurements, NaN where there are none.

    Example:
        >>> zero = np.zeros(3, np.int64)
        >>> events = Events(zero, zero, np.zeros(3), np.array([4.0, 1.0, 1.0]))
        >>> means(events, np.array([0, 2, 2]), 3).tolist()
        [4.0, nan, 1.0]
    """
    size = np.bincount(groups, minlength=count)
    total = np.bincount(groups, events.value, minlength=count)
    return np.where(size > 0, total / np.maximum(size, 1), np.nan)
