"""Rows of which many are alike, each held once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from ._kept import Kept
from ._masked import Masked
from ._ragged import Ragged


@dataclass(frozen=True, eq=False)
class Repeated:
    """A column of :class:`Kept` cells of which each is held once, however many rows have it.

    Args:
        cells: One entry for each different cell; entry 0 is one that is not there.
        index: Which entry each row has, int64 ``[rows]``.
        source: The cells of all rows that these were made of, where a shortcut of the model reads
            them, too.

    Example:
        >>> cells = Masked(torch.tensor([[0.0], [7.0]]), torch.tensor([False, True]))
        >>> column = Repeated(cells, torch.tensor([1, 0, 1, 1]))
        >>> column.take(torch.tensor([3, 1])).mask.tolist(), len(column)
        ([True, False], 4)
    """

    cells: Masked | Ragged
    index: Int64[Tensor, " rows"]
    source: Masked | Ragged | None = None

    def __len__(self) -> int:
        return self.index.shape[0]

    @property
    def mask(self) -> Bool[Tensor, " rows"]:
        """Rows of which something is there."""
        return self.present

    @property
    def present(self) -> Bool[Tensor, " rows"]:
        """Rows of which something is there."""
        return self.cells.present[self.index]

    @property
    def lengths(self) -> Int64[Tensor, " rows"]:
        """How many entries each row holds."""
        if isinstance(self.cells, Ragged):
            return self.cells.lengths[self.index]
        return self.present.long()

    def take(self, rows: Int64[Tensor, " batch"]) -> Kept:
        """Some of the rows, in the order asked for."""
        taken = self.cells.take(self.index.index_select(0, rows))
        source = None if self.source is None else self.source.take(rows)
        return Kept(taken.values, taken.mask, source)

    def select(self, rows: Int64[Tensor, " batch"]) -> "Repeated":
        """Some of the rows, in the order asked for, with the cells of all rows."""
        source = None if self.source is None else self.source.select(rows)
        return replace(self, index=self.index.index_select(0, rows), source=source)

    def tensors(self) -> tuple[Tensor, ...]:
        """All that is held."""
        source = () if self.source is None else self.source.tensors()
        return *self.cells.tensors(), self.index, *source

    def slice(self, start: int, stop: int) -> "Repeated":
        """Rows that lie side by side, with the cells of all rows in the same memory."""
        source = None if self.source is None else self.source.slice(start, stop)
        return replace(self, index=self.index[start:stop], source=source)

    @staticmethod
    def joined(parts: "Sequence[Repeated]") -> "Repeated":
        """Rows of several, end to end.

        Parts of one column share their cells; of others, a cell may then be held twice.
        """
        starts: dict[int, int] = {}
        held: list[Masked | Ragged] = []
        for part in parts:
            if id(part.cells) not in starts:
                starts[id(part.cells)] = sum(map(len, held))
                held.append(part.cells)
        index = torch.cat([part.index + starts[id(part.cells)] for part in parts])
        sources = [part.source for part in parts if part.source is not None]
        if sources and len(sources) < len(parts):
            raise ValueError("Rows with the cells they were made of and rows without do not join.")
        cells = held[0] if len(held) == 1 else _joined(held)
        return Repeated(cells, index, _joined(sources) if sources else None)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Repeated":
        """The same, on another device. The original is left as it was."""
        return replace(
            self,
            cells=self.cells.to(device, non_blocking),
            index=self.index.to(device, non_blocking=non_blocking),
            source=None if self.source is None else self.source.to(device, non_blocking),
        )


def _joined(parts: Sequence[Masked | Ragged]) -> Masked | Ragged:
    dense = [cells for cells in parts if isinstance(cells, Masked)]
    ragged = [cells for cells in parts if isinstance(cells, Ragged)]
    if dense and ragged:
        raise ValueError("Cells of one length and cells of many cannot be joined.")
    return Masked.joined(dense) if dense else Ragged.joined(ragged)
