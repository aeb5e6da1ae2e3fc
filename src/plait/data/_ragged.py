"""Rows of different lengths, end to end in one tensor."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64, Shaped
from torch import Tensor

from ._masked import Masked


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths: all entries end to end, and where each row begins.

    Use it for a packed column whose cells differ in length (token ids, lists). A batch of it is
    a padded :class:`Masked`, made by one gather.

    Args:
        values: Any dtype, ``[entries, ...]``.
        offsets: Row ``r`` holds ``values[offsets[r]:offsets[r + 1]]``; int64 ``[rows + 1]``.
        mask: Rows that are there, bool ``[rows]``. A row that is there may still be empty.

    Raises:
        ValueError: If the offsets do not cover the values, or are not one more than the rows.

    Example:
        >>> words = Ragged(torch.tensor([5, 6, 7]), torch.tensor([0, 2, 3]), torch.ones(2).bool())
        >>> batch = words.take(torch.tensor([1, 0]))
        >>> batch.values.tolist(), batch.mask.tolist()
        ([[7, 0], [5, 6]], [[True, False], [True, True]])
    """

    values: Shaped[Tensor, "entries ..."]
    offsets: Int64[Tensor, " bounds"]
    mask: Bool[Tensor, " rows"]

    def __post_init__(self) -> None:
        if self.offsets.shape[0] != self.mask.shape[0] + 1:
            raise ValueError(
                "`offsets` must hold one number more than there are rows. Got "
                f"{self.offsets.shape[0]} offsets for {self.mask.shape[0]} rows."
            )
        if self.offsets[0] != 0 or self.offsets[-1] != self.values.shape[0]:
            raise ValueError(
                f"`offsets` must run from 0 to the number of entries, {self.values.shape[0]}. "
                f"Got {self.offsets[0]} to {self.offsets[-1]}."
            )

    def __len__(self) -> int:
        return self.mask.shape[0]

    @property
    def present(self) -> Bool[Tensor, " rows"]:
        """Rows that are there and hold an entry."""
        return self.mask & (self.lengths > 0)

    @property
    def lengths(self) -> Int64[Tensor, " rows"]:
        """How many entries each row holds."""
        return self.offsets.diff()

    def take(self, rows: Int64[Tensor, " rows"]) -> Masked:
        """Some of the rows, padded with zeros to the longest of them (at least one)."""
        starts = self.offsets[rows]
        lengths = (self.offsets[rows + 1] - starts) * self.mask.index_select(0, rows)
        longest = max(1, int(lengths.max())) if len(rows) else 1
        steps = torch.arange(longest, device=lengths.device)
        mask = steps < lengths.unsqueeze(1)
        if not self.values.shape[0]:
            shape = (len(rows), longest, *self.values.shape[1:])
            return Masked(self.values.new_zeros(shape), mask)
        index = (starts.unsqueeze(1) + steps).masked_fill(~mask, 0)
        values = self.values.index_select(0, index.flatten())
        values = values.view(*index.shape, *self.values.shape[1:])
        hidden = ~mask.view(*mask.shape, *[1] * (values.ndim - 2))
        return Masked(values.masked_fill(hidden, 0), mask)

    def select(self, rows: Int64[Tensor, " rows"]) -> "Ragged":
        """Some of the rows, in the order asked for, ragged as they are."""
        lengths = self.lengths[rows]
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        # Each entry's place is its row's first one, and as far on as it stands in its own row.
        shift = self.offsets[rows] - offsets[:-1]
        steps = torch.arange(int(offsets[-1]), device=shift.device)
        index = steps + shift.repeat_interleave(lengths)
        return Ragged(self.values.index_select(0, index), offsets, self.mask.index_select(0, rows))

    def tensors(self) -> tuple[Tensor, ...]:
        """All that is held."""
        return self.values, self.offsets, self.mask

    def slice(self, start: int, stop: int) -> "Ragged":
        """Rows that lie side by side, the values in the same memory."""
        bounds = self.offsets[start : stop + 1]
        first, last = int(bounds[0]), int(bounds[-1])
        return Ragged(self.values[first:last], bounds - first, self.mask[start:stop])

    @staticmethod
    def joined(parts: "Sequence[Ragged]") -> "Ragged":
        """Rows of several, end to end, in memory of their own."""
        lengths = torch.cat([part.lengths for part in parts])
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        return Ragged(
            torch.cat([part.values for part in parts]),
            offsets,
            torch.cat([part.mask for part in parts]),
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Ragged":
        """The same, on another device. The original is left as it was."""
        return Ragged(*(each.to(device, non_blocking=non_blocking) for each in self.tensors()))
