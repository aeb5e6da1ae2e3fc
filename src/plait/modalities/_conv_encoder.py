"""A small conv net."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from plait.data import Masked

PARTS = 2
"""Into how many parts each side of the last map is divided: where something is may matter."""


class ConvEncoder(nn.Module):
    """Pictures to one token by halving convolutions and the means of four quarters.

    Normalization is by groups of channels within a picture, so a picture's token does not depend
    on the others in the batch.

    Args:
        width: Size of the token.
        small: Whether to take a fifth of the channels, drop half of the last features in training
            and start with a token near zero: for a few hundred pictures beside other inputs.

    Shapes:
        - in: ``values`` uint8 ``[batch, 3, height, width]``, ``mask`` bool ``[batch]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.
    """

    def __init__(
        self,
        width: int,
        *,
        small: bool = False,
    ) -> None:
        super().__init__()
        self.small = small
        channels = (8, 16, 32) if small else (24, 48, 96, 128)
        groups = 4 if small else 8
        dropout = 0.5 if small else 0.1
        self.gain = nn.Parameter(torch.tensor(0.03 if small else 1.0))
        layers: list[nn.Module] = []
        before = 3
        for number, each in enumerate(channels):
            first = nn.Conv2d(3, each, 4, 4) if small else nn.Conv2d(3, each, 3, 2, 1)
            layers.append(nn.Conv2d(before, each, 3, 2, 1) if number else first)
            layers += [nn.GroupNorm(groups, each), nn.GELU()]
            before = each
        self.body = nn.Sequential(*layers)
        self.last = nn.Sequential(
            nn.Conv2d(before, before, 3, 1, 1), nn.GroupNorm(groups, before), nn.GELU()
        )
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(PARTS**2 * before, width))

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        maps = self.body(scaled(cells, self.gain.dtype, self._layout(cells.values)))
        maps = maps + self.last(maps)
        token = self.gain * self.project(adaptive_avg_pool2d(maps, PARTS).flatten(1))
        return Masked(token.unsqueeze(1), cells.mask.unsqueeze(1))

    def _layout(self, pixels: Tensor) -> torch.memory_format:
        # With channels side by side a step of the large net takes a fifth less on the processor;
        # that of the small one takes a tenth more.
        if self.small and pixels.device.type == "cpu":
            return torch.contiguous_format
        return torch.channels_last


def scaled(
    cells: Masked, dtype: torch.dtype, layout: torch.memory_format = torch.contiguous_format
) -> Tensor:
    """Bytes to floats around zero; on the device, so that a quarter of the data travels."""
    pixels = cells.values.to(dtype, memory_format=layout, copy=True).sub_(127.5).div_(63.75)
    return pixels.where(cells.mask.view(-1, 1, 1, 1), 0.0)
