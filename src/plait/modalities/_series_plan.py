"""How the measurements of a series become numbers."""

from dataclasses import dataclass
from typing import Literal

from ._series_roles import Roles


@dataclass(frozen=True)
class Plan:
    """How measurements become numbers.

    Args:
        roles: Which column says what.
        parts: Into how many parts of time, beside the whole, statistics are taken; 1 for the
            whole alone.
        max_length: How many points of time a row has at most.
        keep: Which end is kept.
        duplicates: What becomes of several measurements of a channel at one time.
        summary: Whether statistics are wanted.
        grid: Whether steps are wanted.
    """

    roles: Roles
    parts: int
    max_length: int
    keep: Literal["first", "last"]
    duplicates: Literal["mean", "refuse"]
    summary: bool
    grid: bool

    @property
    def windows(self) -> int:
        """How often the statistics are taken: of the whole, and of each part of it."""
        return 0 if not self.summary else 1 if self.parts == 1 else 1 + self.parts
