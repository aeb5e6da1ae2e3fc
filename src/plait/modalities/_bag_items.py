"""Columns of lists, as one column of their items."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from plait._errors import DataError
from plait.data import Bagged, Masked, Note, Packed, Ragged, Table
from plait.data._cells import is_list, is_string, normal, texts

from ._base import Modality

TOTAL = "items in lists"
"""The note of a part of a table, from which a share of its items is made."""


@dataclass(frozen=True)
class Items:
    """The items of all rows end to end.

    Args:
        cells: The items.
        rows: The row of each, rising.
        count: How many rows there are.
        notes: Cells without an item, and items that are null or empty text.
    """

    cells: pa.Array
    rows: np.ndarray
    count: int
    notes: tuple[Note, ...]

    @classmethod
    def of(
        cls, table: Table, columns: Sequence[str], separator: str | None = None, *, gaps: bool
    ) -> "Items":
        """The items of one or several columns; those of a row in the order of the columns.

        Args:
            table: The rows.
            columns: Their cells are lists; one that is none is a list of one.
            separator: What divides the items where cells are text.
            gaps: Whether an item that is null keeps its place.

        Raises:
            DataError: If the columns hold items of different types, or a separator is given for
                cells that are no text.
        """
        found, notes = [], []
        for column in columns:
            cells, rows, lost = _entries(table[column], column, separator)
            blank = cells.is_null().to_numpy(zero_copy_only=False)
            filled = len(np.unique(rows[~blank]))
            if len(table) - filled:
                notes.append(Note(column, "missing", len(table) - filled))
            if lost and not gaps:  # what keeps its place is counted by who packs it
                notes.append(Note(column, "missing items", lost))
            if not gaps:
                cells, rows = cells.drop_null(), rows[~blank]
            if len(cells):
                found.append((column, cells, rows))
        kinds = {str(cells.type): column for column, cells, _ in found}
        if len(kinds) > 1:
            told = ", ".join(f"{kind} in {column!r}" for kind, column in kinds.items())
            raise DataError(
                f"Columns of one input should hold items of one type. Found {told}. Cast them, or "
                "make each an input of its own."
            )
        if not found:
            nothing = np.zeros(0, np.int64)
            return cls(pa.array([], pa.large_string()), nothing, len(table), tuple(notes))
        rows = np.concatenate([rows for _, _, rows in found])
        cells = pa.concat_arrays([cells for _, cells, _ in found])
        if len(found) > 1:
            order = np.argsort(rows, kind="stable")
            rows, cells = rows[order], cells.take(pa.array(order))
        return cls(cells, rows, len(table), tuple(notes))

    @property
    def counts(self) -> np.ndarray:
        """How many items each row has."""
        return np.bincount(self.rows, minlength=self.count)

    @property
    def places(self) -> np.ndarray:
        """The place of each item in its row, from 0."""
        counts = self.counts
        return np.arange(len(self.rows)) - np.repeat(np.cumsum(counts) - counts, counts)

    def kept(self, wanted: np.ndarray, notes: tuple[Note, ...] = ()) -> "Items":
        """Some of the items, by true and false, with more notes."""
        cells = self.cells if wanted.all() else self.cells.filter(pa.array(wanted))
        return Items(cells, self.rows[wanted], self.count, (*self.notes, *notes))

    def table(self, table: Table, column: str) -> Table:
        """The items as a table of one column, whose rows bear the numbers of the user's rows."""
        arrow = pa.table({column: self.cells})
        return Table(arrow, table.root, part=table.part, places=table.numbers(self.rows))

    def packed(self, table: Table, part: Modality) -> Packed:
        """The items as the modality of one of them packs them, row by row together."""
        items = self.table(table, part.column)
        if not len(items):
            return Packed(bags(nothing(part), self.counts), self.notes)
        packed = part.pack(items)
        total = [Note(part.column, TOTAL, len(items))] if table.part else []
        notes = [_of_items(note) for note in packed.notes]
        return Packed(bags(packed.cells, self.counts), (*self.notes, *notes, *total))


def nothing(part: Modality) -> Masked | Ragged | Bagged:
    """No items, as the modality of one of them packs them.

    Raises:
        NotFittedError: If it has not seen a table.
    """
    # Not every kind packs a table without rows: pack a hole, and leave it out.
    hole = pa.table({part.column: pa.nulls(1, pa.large_string())})
    return part.pack(Table(hole, Path())).cells.slice(0, 0)


def bags(cells: Masked | Ragged | Bagged, counts: np.ndarray) -> Bagged:
    """Items and how many each row has."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Bagged(cells, torch.from_numpy(offsets))


def refused(part: Modality, column: str, notes: Sequence[Note], rows: int) -> str | None:
    """What the modality of an item says of an account of bags.

    Args:
        part: The modality, whose column bears the name of the input.
        column: That name.
        notes: The account, with :data:`TOTAL` where it is of parts.
        rows: How many rows there are, which stands in where nobody counted the items.
    """
    mine = [note for note in notes if note.column == column]
    total = sum(note.count for note in mine if note.what == TOTAL) or rows
    blank = [note for note in mine if note.what not in ("missing", "missing items", TOTAL)]
    return part.refusal(blank, total)


def _of_items(note: Note) -> Note:
    what = "missing items" if note.what == "missing" else note.what
    return Note(note.column, what, note.count, note.examples)


def _entries(
    cells: pa.Array, column: str, separator: str | None
) -> tuple[pa.Array, np.ndarray, int]:
    """Items, the row of each, and how many of those in lists are blank."""
    if separator is not None:
        if not is_string(cells.type):
            raise DataError(
                f"A separator is for cells that are text. Those of {column!r} are {cells.type}. "
                "Leave `separator` out."
            )
        cells = pc.split_pattern(texts(cells), separator)
    if not is_list(cells.type):
        rows = np.flatnonzero(cells.is_valid())
        return _blanked(cells.drop_null()), rows.astype(np.int64), 0
    cells = cells.cast(pa.large_list(cells.type.value_type))
    lengths = pc.fill_null(pc.list_value_length(cells), 0).to_numpy(zero_copy_only=False)
    items = _blanked(normal(cells.flatten()))
    return items, np.repeat(np.arange(len(cells)), lengths), items.null_count


def _blanked(cells: pa.Array) -> pa.Array:
    """Text without blanks around it; empty text is null."""
    return texts(cells) if is_string(cells.type) else cells
