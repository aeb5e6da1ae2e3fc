"""A column in tensor form, and an account of what was done to its cells."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ._bagged import Bagged
from ._masked import Masked
from ._ragged import Ragged


@dataclass(frozen=True)
class Note:
    """So many cells of a column were missing, unseen, cut or unreadable.

    Args:
        column: The column.
        what: What happened to the cells, in a word or two: ``"missing"``, ``"unseen"``.
        count: How many cells.
        examples: A few of them, as text.
    """

    column: str
    what: str
    count: int
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        few = f" ({', '.join(self.examples)})" if self.examples else ""
        return f"{self.column}: {self.count:,} {self.what}{few}"


def merged(notes: Iterable[Note]) -> tuple[Note, ...]:
    """One note for each thing that happened to a column, whose counts are added up.

    Example:
        >>> print(*merged([Note("a", "missing", 1), Note("a", "missing", 2)]))
        a: 3 missing
    """
    found: dict[tuple[str, str], Note] = {}
    for note in notes:
        known = found.get((note.column, note.what))
        count = note.count + (known.count if known else 0)
        found[note.column, note.what] = replace(known or note, count=count)
    return tuple(found.values())


@dataclass(frozen=True, eq=False)
class Packed:
    """What ``pack`` returns: the tensors, and an account of every cell that was not taken as is.

    Args:
        cells: The column or the group of columns, one entry a row.
        notes: What was done to which cells; empty when nothing was.
    """

    cells: Masked | Ragged | Bagged
    notes: tuple[Note, ...] = ()
