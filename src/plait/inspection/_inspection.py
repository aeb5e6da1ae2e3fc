"""All that was found in a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._finding import Finding


@dataclass(frozen=True)
class Inspection:
    """All that was found in a table; made by :func:`plait.inspect`.

    Args:
        rows: How many rows the table has.
        columns: What each column seems to be, and why.
        targets: What each target seems to be, and why.
        notes: What would be done to cells that cannot be taken as they stand.
        problems: What keeps a model from being trained.
        findings: Leaks, ids, constants, duplicates, contradictions and drift.
        valid_rows: How many rows the second table has; None where there is none.
        tried: On how many rows leaks and drift were tried, where these are not all.
    """

    rows: int
    columns: tuple[Mapping[str, Any], ...]
    targets: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    valid_rows: int | None = None
    tried: Mapping[str, int] | None = None

    def of(self, kind: str) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(each for each in self.findings if each.kind == kind)

    def to_dict(self) -> dict[str, Any]:
        """Plain mappings, for JSON."""
        return {
            "rows": self.rows,
            "valid_rows": self.valid_rows,
            "columns": [dict(each) for each in self.columns],
            "targets": [dict(each) for each in self.targets],
            "notes": list(self.notes),
            "problems": list(self.problems),
            "findings": [each.to_dict() for each in self.findings],
            "tried": dict(self.tried or {}),
        }

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings)) or "nothing was found"
