"""Rows of several items each, whose items are cells of one column."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from ._masked import Masked
from ._ragged import Ragged
from ._repeated import Repeated


@dataclass(frozen=True, eq=False)
class Bagged:
    """Rows of several items each: the items of all rows end to end, and where each row begins.

    Use it for a packed column of lists whose entries are cells of any kind (pictures, texts). A
    batch of it is a :class:`Masked` of one dimension more, padded to the row with most items.

    Args:
        cells: The items, packed as a column of their own; some of them may not be there.
        offsets: Row ``r`` has the items from ``offsets[r]`` up to ``offsets[r + 1]``; int64
            ``[rows + 1]``.

    Raises:
        ValueError: If the offsets do not cover the items.

    Example:
        >>> items = Masked(torch.tensor([[5.0], [6.0], [7.0]]), torch.tensor([True, True, False]))
        >>> photos = Bagged(items, torch.tensor([0, 2, 2, 3]))
        >>> photos.present.tolist()
        [True, False, False]
        >>> batch = photos.take(torch.tensor([2, 0]))
        >>> batch.values.shape, batch.mask.tolist()
        (torch.Size([2, 2, 1]), [[False, False], [True, True]])
    """

    cells: "Cells"
    offsets: Int64[Tensor, " bounds"]

    def __post_init__(self) -> None:
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.cells):
            raise ValueError(
                f"`offsets` must run from 0 to the number of items, {len(self.cells)}. "
                f"Got {self.offsets[0]} to {self.offsets[-1]}."
            )

    def __len__(self) -> int:
        return self.offsets.shape[0] - 1

    @property
    def mask(self) -> Bool[Tensor, " rows"]:
        """Rows of which at least one item is there."""
        return self.present

    @property
    def present(self) -> Bool[Tensor, " rows"]:
        """Rows of which at least one item is there."""
        return self._sums(self.cells.present.long()) > 0

    @property
    def lengths(self) -> Int64[Tensor, " rows"]:
        """How many items each row has; of items that differ in length, the entries of them all."""
        if isinstance(self.cells, Masked):
            return self.offsets.diff()
        return self._sums(self.cells.lengths)

    def _sums(self, numbers: Int64[Tensor, " items"]) -> Int64[Tensor, " rows"]:
        return torch.cat([numbers.new_zeros(1), numbers.cumsum(0)])[self.offsets].diff()

    def take(self, rows: Int64[Tensor, " batch"]) -> Masked:
        """Some of the rows, padded with zeros to the most items of them (at least one)."""
        starts = self.offsets[rows]
        counts = self.offsets[rows + 1] - starts
        most = max(1, int(counts.max())) if len(rows) else 1
        steps = torch.arange(most, device=counts.device)
        there = steps < counts.unsqueeze(1)
        items = self.cells.take((starts.unsqueeze(1) + steps)[there])
        return items.each(lambda held: _slotted(held, there))

    def select(self, rows: Int64[Tensor, " batch"]) -> "Bagged":
        """Some of the rows, in the order asked for, without the items of the others."""
        counts = self.offsets.diff()[rows]
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        shift = (self.offsets[rows] - offsets[:-1]).repeat_interleave(counts)
        items = torch.arange(int(offsets[-1]), device=shift.device) + shift
        return Bagged(self.cells.select(items), offsets)

    def tensors(self) -> tuple[Tensor, ...]:
        """All that is held."""
        return *self.cells.tensors(), self.offsets

    def slice(self, start: int, stop: int) -> "Bagged":
        """Rows that lie side by side, the items in the same memory."""
        bounds = self.offsets[start : stop + 1]
        first, last = int(bounds[0]), int(bounds[-1])
        return Bagged(self.cells.slice(first, last), bounds - first)

    @staticmethod
    def joined(parts: "Sequence[Bagged]") -> "Bagged":
        """Rows of several, end to end, in memory of their own."""
        counts = torch.cat([part.offsets.diff() for part in parts])
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return Bagged(_joined([part.cells for part in parts]), offsets)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Bagged":
        """The same, on another device. The original is left as it was."""
        offsets = self.offsets.to(device, non_blocking=non_blocking)
        return Bagged(self.cells.to(device, non_blocking), offsets)


Cells = Masked | Ragged | Repeated | Bagged


def _joined(parts: Sequence[Cells]) -> Cells:
    dense = [each for each in parts if isinstance(each, Masked)]
    ragged = [each for each in parts if isinstance(each, Ragged)]
    repeated = [each for each in parts if isinstance(each, Repeated)]
    bagged = [each for each in parts if isinstance(each, Bagged)]
    if len(dense) == len(parts):
        return Masked.joined(dense)
    if len(ragged) == len(parts):
        return Ragged.joined(ragged)
    if len(repeated) == len(parts):
        return Repeated.joined(repeated)
    if len(bagged) == len(parts):
        return Bagged.joined(bagged)
    raise ValueError("Items of one length and items of many cannot be joined.")


def _slotted(items: Tensor, there: Bool[Tensor, "batch items"]) -> Tensor:
    """Items one after another in their slots, with zeros in the others."""
    slots = items.new_zeros(*there.shape, *items.shape[1:])
    slots[there] = items
    return slots
