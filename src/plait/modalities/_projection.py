"""A vector to a token of the model."""

import torch
from torch import nn

from plait.data import Masked


class Projection(nn.Module):
    """The vector of each row, brought to one scale and to the width of the model.

    Args:
        size: Size of a vector.
        width: Size of the token.
        small: Whether to drop half of the vector in training and start with a token near zero:
            for a few hundred rows beside other inputs, which a long vector tells apart by heart.

    Shapes:
        - in: ``values`` float ``[batch, size]``, ``mask`` bool ``[batch]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.
    """

    def __init__(self, size: int, width: int, *, small: bool = False) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, width))
        self.dropout = nn.Dropout(0.5 if small else 0.0)
        self.gain = nn.Parameter(torch.tensor(0.03)) if small else None

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        vectors = cells.values.masked_fill(~cells.mask.unsqueeze(1), 0.0)
        token = self.project(self.dropout(vectors))
        if self.gain is not None:
            token = self.gain * token
        return Masked(token.unsqueeze(1), cells.mask.unsqueeze(1))
