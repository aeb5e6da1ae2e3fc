"""One vector of all tokens."""

from typing import Literal

import torch
from torch import nn

from plait.data import Masked

Pooling = Literal["mean", "cls"]


class Pooled(nn.Module):
    """The mean of all tokens that are there, or the first one.

    Args:
        pooling: ``"mean"`` or ``"cls"``.

    Shapes:
        - in: ``values`` float ``[batch, length, size]``, ``mask`` bool ``[batch, length]``.
        - out: ``values`` float ``[batch, size]``, ``mask`` bool ``[batch]``.
    """

    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, cells: Masked) -> Masked:
        """One vector for each row."""
        states = cells.values.masked_fill(~cells.mask.unsqueeze(2), 0.0)
        if self.pooling == "cls":
            return Masked(states[:, 0], cells.present)
        exact = torch.promote_types(states.dtype, torch.float32)
        count = cells.mask.sum(1, keepdim=True).clamp(min=1)
        return Masked(states.sum(1, dtype=exact) / count, cells.present)
