"""What was met in cells that were answered, beside what training had met."""

import math
from dataclasses import dataclass
from typing import Any

from ._words import percent

FEW = 4.0
"""How many standard errors above its share in training something is news."""


@dataclass(frozen=True)
class Met:
    """So many cells of a column were missing, unseen or out of range, and how many are usual.

    Args:
        column: The column.
        what: What the cells were, as in :class:`plait.data.Note`: ``"missing"``, ``"unseen"``.
        count: How many of them there were.
        rows: In how many rows.
        usual: How many there were for each row of training; None where nobody knows, as with a
            model that was not trained by a learner.
        examples: A few of them, as text.

    Example:
        >>> met = Met("city", "unseen", 3, rows=100, usual=0.0, examples=("Rome",))
        >>> print(met)
        city 3 unseen (3 %, none in training: Rome)
        >>> met.news, Met("city", "missing", 12, rows=100, usual=0.1).news
        (True, False)
    """

    column: str
    what: str
    count: int
    rows: int
    usual: float | None = None
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """How many there were for each row; above 1 where a cell can hold several."""
        return self.count / max(self.rows, 1)

    @property
    def news(self) -> bool:
        """Whether there are more than training would make one expect.

        Where training had none, one is news; else it takes four standard errors.
        """
        if self.usual is None:
            return False
        return self.share > self.usual + FEW * math.sqrt(self.usual / max(self.rows, 1))

    def to_dict(self) -> dict[str, Any]:
        """A plain mapping, for JSON."""
        return {
            "column": self.column,
            "what": self.what,
            "count": self.count,
            "share": self.share,
            "usual": self.usual,
            "news": self.news,
            "examples": list(self.examples),
        }

    def __str__(self) -> str:
        told = percent(self.share)
        if self.usual is not None:
            told += f", {percent(self.usual) if self.usual else 'none'} in training"
        if self.examples:
            told += f": {', '.join(self.examples)}"
        return f"{self.column} {self.count:,} {self.what} ({told})"
