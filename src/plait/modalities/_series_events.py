"""Measurements of series, end to end."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64


@dataclass(frozen=True, eq=False)
class Events:
    """Single measurements of many rows: when, what, how much.

    Args:
        row: The row that each belongs to, int64 ``[events]``.
        channel: The number of what was measured, int64 ``[events]``.
        time: When, float64 ``[events]``.
        value: How much, float64 ``[events]``.

    Example:
        >>> zero, time = np.zeros(2, np.int64), np.array([5.0, 3.0])
        >>> events = Events(zero, zero, time, np.array([1.0, 2.0]))
        >>> events.take(np.argsort(time)).value.tolist(), len(events)
        ([2.0, 1.0], 2)
    """

    row: Int64[np.ndarray, " events"]
    channel: Int64[np.ndarray, " events"]
    time: Float64[np.ndarray, " events"]
    value: Float64[np.ndarray, " events"]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: Bool[np.ndarray, " events"] | Int64[np.ndarray, " some"]) -> "Events":
        """Some of them: those where ``which`` is true, or those that it numbers, in its order."""
        return Events(self.row[which], self.channel[which], self.time[which], self.value[which])

    @staticmethod
    def joined(parts: "list[Events]") -> "Events":
        """Those of several, end to end."""
        return Events(
            np.concatenate([np.zeros(0, np.int64), *(part.row for part in parts)]),
            np.concatenate([np.zeros(0, np.int64), *(part.channel for part in parts)]),
            np.concatenate([np.zeros(0), *(part.time for part in parts)]),
            np.concatenate([np.zeros(0), *(part.value for part in parts)]),
        )


def starts(*keys: np.ndarray) -> Int64[np.ndarray, " runs"]:
    """Where runs of equal keys begin.

    Example:
        >>> starts(np.array([4, 4, 5, 5]), np.array([1, 1, 1, 2])).tolist()
        [0, 2, 3]
    """
    changed = np.zeros(max(len(keys[0]) - 1, 0), bool)
    for key in keys:
        changed |= key[1:] != key[:-1]
    first = np.ones(min(len(keys[0]), 1), bool)
    return np.flatnonzero(np.concatenate([first, changed]))


def lengths(begin: Int64[np.ndarray, " runs"], total: int) -> Int64[np.ndarray, " runs"]:
    """How long the runs are that begin there.

    Example:
        >>> lengths(np.array([0, 2, 3]), 7).tolist()
        [2, 1, 4]
    """
    return np.diff(np.append(begin, total))
