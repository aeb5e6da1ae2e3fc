"""All that training needs of a table."""

from dataclasses import dataclass

from plait.data import Note, Pack, merged
from plait.schema import Schema


@dataclass(frozen=True)
class Prepared:
    """A table that has been looked at, understood and packed.

    Args:
        declared: The schema before it was fitted.
        schema: The fitted schema.
        train: The packed training rows.
        valid: The packed validation rows.
        held: Whether the validation rows were held back from the training table.
    """

    declared: Schema
    schema: Schema
    train: Pack
    valid: Pack | None
    held: bool

    def window(self, memory: int) -> int | None:
        """How many training rows are in memory at a time; None for all, as they are anyway.

        The window in use, the next one and the pages that it is read from take three quarters.
        """
        train = self.train
        return max(1, len(train) * memory // (4 * train.nbytes)) if train.maps else None

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was done to cells of the training table."""
        return (*self.train.notes, *(self.valid.notes if self.valid and self.held else ()))

    @property
    def usual(self) -> dict[str, dict[str, float]]:
        """How often each of it happened for a row, by column."""
        rows = len(self.train) + (len(self.valid) if self.valid and self.held else 0)
        shares: dict[str, dict[str, float]] = {}
        for note in merged(self.notes):
            if note.column in self.schema.columns:
                shares.setdefault(note.column, {})[note.what] = note.count / rows
        return shares
