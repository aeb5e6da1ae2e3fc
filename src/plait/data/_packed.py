"""A column in tensor form, and an account of what was done to its cells."""

from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False)
class Packed:
    """What ``pack`` returns: the tensors, and an account of every cell that was not taken as is.

    Args:
        cells: The column or the group of columns, one entry a row.
        notes: What was done to which cells; empty when nothing was.
    """

    cells: Masked | Ragged
    notes: tuple[Note, ...] = ()
