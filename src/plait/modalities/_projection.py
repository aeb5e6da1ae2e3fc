"""A vector to a token of the model."""

from torch import nn

from plait.data import Masked


class Projection(nn.Module):
    """The vector of each row, brought to one scale and to the width of the model.

    Args:
        size: Size of a vector.
        width: Size of the token.

    Shapes:
        - in: ``values`` float ``[batch, size]``, ``mask`` bool ``[batch]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, width))

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        vectors = cells.values.masked_fill(~cells.mask.unsqueeze(1), 0.0)
        return Masked(self.project(vectors).unsqueeze(1), cells.mask.unsqueeze(1))
