"""What was kept of all cells, while it comes together."""

import torch
from jaxtyping import Int64
from torch import Tensor

from plait.data import Masked, Ragged

from ._piece import Piece


class KeptCells:
    """A place in memory for what is kept of each cell, behind one that is not there.

    Args:
        count: How many cells there are.
        lengths: How many vectors each has, int64 ``[count]``; None where it is one.
        size: Size of a vector.
    """

    def __init__(self, count: int, lengths: Int64[Tensor, " count"] | None, size: int) -> None:
        self.dense = lengths is None
        # Entry 0 stands for all rows where nothing is there.
        each = (
            torch.ones(count + 1).long() if lengths is None else torch.cat([lengths[:1], lengths])
        )
        if lengths is not None:
            each[0] = 0
        self.offsets = torch.cat([each.new_zeros(1), each.cumsum(0)])
        self.values = torch.zeros(int(self.offsets[-1]), size)

    def put(self, piece: Piece) -> None:
        """Put some cells in their place."""
        starts = self.offsets[piece.places + 1]
        if piece.lengths is None:
            self.values[starts] = piece.values
            return
        room = self.offsets.diff()[piece.places + 1]
        if not torch.equal(room, piece.lengths):
            raise ValueError(
                "The still part of an encoder should give as many tokens as a cell has. Found "
                f"{int(piece.lengths.sum())} for {int(room.sum())}."
            )
        ends = piece.lengths.cumsum(0)
        shift = (starts - (ends - piece.lengths)).repeat_interleave(piece.lengths)
        self.values[torch.arange(len(piece.values)) + shift] = piece.values

    def cells(self) -> Masked | Ragged:
        """All of them; entry 0 is not there."""
        mask = torch.ones(len(self.offsets) - 1).bool()
        mask[0] = False
        return Masked(self.values, mask) if self.dense else Ragged(self.values, self.offsets, mask)
