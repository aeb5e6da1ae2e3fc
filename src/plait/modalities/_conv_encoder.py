"""A small conv net."""

import torch
from torch import Tensor, nn

from plait.data import Masked


class ConvEncoder(nn.Module):
    """Pictures to one token by four halving convolutions and a mean over what is left.

    Normalization is by groups of channels within a picture, so a picture's token does not depend
    on the others in the batch.

    Args:
        width: Size of the token.
        channels: Channels after each convolution.
        dropout: Share of the last features that are dropped in training.

    Shapes:
        - in: ``values`` uint8 ``[batch, 3, height, width]``, ``mask`` bool ``[batch]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.
    """

    def __init__(
        self,
        width: int,
        *,
        channels: tuple[int, ...] = (24, 48, 96, 128),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for each in channels:
            layers += [nn.Conv2d(before, each, 3, 2, 1), nn.GroupNorm(8, each), nn.GELU()]
            before = each
        self.body = nn.Sequential(*layers)
        self.last = nn.Sequential(
            nn.Conv2d(before, before, 3, 1, 1), nn.GroupNorm(8, before), nn.GELU()
        )
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(before, width))

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        maps = self.body(scaled(cells))
        maps = maps + self.last(maps)
        token = self.project(maps.mean((2, 3)))
        return Masked(token.unsqueeze(1), cells.mask.unsqueeze(1))


def scaled(cells: Masked) -> Tensor:
    """Bytes to floats around zero; on the device, so that a quarter of the data travels."""
    pixels = cells.values.to(torch.get_default_dtype()).sub_(127.5).div_(63.75)
    return pixels.where(cells.mask.view(-1, 1, 1, 1), 0.0)
