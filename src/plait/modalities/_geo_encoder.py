"""The network part of places."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

LONGEST = 8.0
"""The longest wave, in spreads of the training places."""
SPHERE = 3


class GeoEncoder(nn.Module):
    """Lay out a place in waves of several lengths, and turn it into one token.

    Beside the waves stand the point on the unit sphere, and the place on the map softly held
    within three spreads.

    Args:
        scales: How many wave lengths there are.
        width: Size of the token.

    Shapes:
        - in: ``values`` float ``[batch, 5]`` (x, y, z; east, north in spreads), ``mask`` bool
          ``[batch]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.

    Source:
        See :class:`~plait.modalities.Geo`.

    Example:
        >>> place = torch.tensor([[1.0, 0.0, 0.0, 2.0, 0.0]])
        >>> GeoEncoder(1, 8).layout(place)[0, -4:].round(decimals=4).tolist()  # a quarter wave
        [1.0, 0.0, -0.0, 1.0]
    """

    frequency: Tensor

    def __init__(self, scales: int, width: int) -> None:
        super().__init__()
        frequency = 2 * math.pi / LONGEST * 2.0 ** torch.arange(scales)
        self.register_buffer("frequency", frequency, persistent=False)
        size = SPHERE + 2 + 4 * scales
        self.straight = nn.Linear(size, width)
        self.bent = nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Linear(width, width))

    def layout(self, values: Float[Tensor, "batch 5"]) -> Float[Tensor, "batch entries"]:
        """All entries of a row, side by side."""
        point, away = values[:, :SPHERE], values[:, SPHERE:]
        held = away / (1 + (away / 3).square()).sqrt()
        angle = (away.unsqueeze(2) * self.frequency).flatten(1)
        return torch.cat([point, held, angle.sin(), angle.cos()], 1)

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        known = cells.values.where(cells.mask.unsqueeze(1), 0.0)
        entries = self.layout(known)
        token = self.straight(entries) + self.bent(entries)
        return Masked(token.unsqueeze(1), cells.mask.unsqueeze(1))
