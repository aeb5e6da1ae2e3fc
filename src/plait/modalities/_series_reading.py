"""What stands in the cells of a series."""

from dataclasses import dataclass

from plait.data import Note

from ._series_events import Events


@dataclass(frozen=True, eq=False)
class Reading:
    """What stands in the cells.

    Args:
        events: The measurements, in the order of the cells.
        names: Those of the channels.
        clock: Whether times are given, and how: not at all, as numbers or as moments.
        notes: What was not taken.
    """

    events: Events
    names: tuple[str, ...]
    clock: str | None
    notes: tuple[Note, ...]
