"""What the cells were like that a model has answered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ._met import Met
from .data import Note, merged
from .modalities._bag_items import TOTAL
from .schema import Schema


@dataclass(frozen=True)
class Account:
    """What ``predict`` or ``evaluate`` met in the cells of each input.

    Use it to see that the rows of today are no longer those of training: categories that were
    never seen, numbers beyond the range, cells that used to be filled. All of them are answered
    all the same, as :class:`plait.Categorical` and the other inputs say. It compares counts and
    not distributions; for two tables side by side take :func:`plait.inspect`.

    Args:
        rows: How many rows there were.
        inputs: For each input what was met in it; empty where every cell was taken as it stood.

    Example:
        >>> import plait
        >>> rows = {"size": [n / 2 for n in range(40)], "price": [3.0 * n for n in range(40)]}
        >>> learner = plait.Learner(["price"], training=plait.Training(epochs=1)).fit(rows)
        >>> answers = learner.predict({"size": [5.0, None, 99.0]})
        >>> print(learner.account)
        size: size 1 missing (33.3 %, none in training); size 1 out of range (33.3 %, none ...)
        >>> learner.account.news
        True
    """

    rows: int
    inputs: Mapping[str, tuple[Met, ...]]

    @classmethod
    def of(cls, schema: Schema, rows: int, notes: Iterable[Note]) -> "Account":
        """The account of rows from the notes of their parts.

        Args:
            schema: The fitted schema, which knows what is usual.
            rows: How many rows there were.
            notes: What was done to their cells; notes of targets are left out.
        """
        told, usual = merged(notes), schema.usual
        inputs = {}
        for name, part in schema.inputs.items():
            inputs[name] = tuple(
                Met(
                    note.column,
                    note.what,
                    note.count,
                    rows,
                    None if usual is None else usual.get(note.column, {}).get(note.what, 0.0),
                    note.examples,
                )
                for note in told
                if note.column in part.columns and note.what != TOTAL
            )
        return cls(rows, inputs)

    @property
    def news(self) -> bool:
        """Whether anything was met more often than training makes one expect."""
        return any(met.news for found in self.inputs.values() for met in found)

    @property
    def lines(self) -> list[str]:
        """A line for each input in which something was met."""
        return [
            f"{name}: {'; '.join(map(str, found))}" for name, found in self.inputs.items() if found
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain mappings, for JSON."""
        return {
            "rows": self.rows,
            "news": self.news,
            "inputs": {
                name: [met.to_dict() for met in found] for name, found in self.inputs.items()
            },
        }

    def __str__(self) -> str:
        return "\n".join(self.lines) or "every cell was taken as it stood"
