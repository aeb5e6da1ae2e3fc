"""One thing that was found in a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "leak", "id", "constant", "empty", "duplicate", "shared", "contradiction", "drift", "columns"
]


@dataclass(frozen=True)
class Finding:
    """One thing that was found in a table, and what to do about it.

    Args:
        kind: ``"leak"``: a column gives a target away. ``"id"``: it numbers the rows.
            ``"constant"``: it is nearly always the same. ``"empty"``: rows without any input.
            ``"duplicate"``: rows that are in the table twice. ``"shared"``: rows of the second
            table that are in the first. ``"contradiction"``: rows with the same inputs and other
            labels. ``"drift"``: a column is not distributed alike in both tables. ``"columns"``:
            the two tables have not the same ones.
        told: What it is and what to do, in words.
        column: The column, where it is about one.
        target: The target, where it is about one.
        figures: What was measured.
        rows: A few rows, counted from 0: groups of those that belong together. Of ``"shared"``
            each is the row of the second table and that of the first.

    Example:
        >>> print(Finding("id", "'key' numbers the rows. Leave it out.", "key"))
        'key' numbers the rows. Leave it out.
    """

    kind: Kind
    told: str
    column: str | None = None
    target: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[tuple[int, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A plain mapping, for JSON."""
        return {
            "kind": self.kind,
            "column": self.column,
            "target": self.target,
            "told": self.told,
            "figures": dict(self.figures),
            "rows": [list(group) for group in self.rows],
        }

    def __str__(self) -> str:
        return self.told
