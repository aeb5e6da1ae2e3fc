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

    Example:
        >>> cells = Masked(torch.tensor([[0.0], [7.0]]), torch.tensor([False, True]))
        >>> column = Repeated(cells, torch.tensor([1, 0, 1, 1]))
        >>> column.take(torch.tensor([3, 1])).mask.tolist(), len(column)
        ([True, False], 4)
    """

    cells: Masked | Ragged
    index: Int64[Tensor, " rows"]

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
        return Kept(taken.values, taken.mask)

    def select(self, rows: Int64[Tensor, " batch"]) -> "Repeated":
        """Some of the rows, in the order asked for, with the cells of all rows."""
        return replace(self, index=self.index.index_select(0, rows))

    def tensors(self) -> tuple[Tensor, ...]:
        """All that is held."""
        return *self.cells.tensors(), self.index

    def slice(self, start: int, stop: int) -> "Repeated":
        """Rows that lie side by side, with the cells of all rows in the same memory."""
        return replace(self, index=self.index[start:stop])

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
        dense = [cells for cells in held if isinstance(cells, Masked)]
        ragged = [cells for cells in held if isinstance(cells, Ragged)]
        if dense and ragged:
            raise ValueError("Cells of one length and cells of many cannot be joined.")
        if len(held) == 1:
            return Repeated(held[0], index)
        return Repeated(Masked.joined(dense) if dense else Ragged.joined(ragged), index)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Repeated":
        """The same, on another device. The original is left as it was."""
        return replace(
            self,
            cells=self.cells.to(device, non_blocking),
            index=self.index.to(device, non_blocking=non_blocking),
        )
