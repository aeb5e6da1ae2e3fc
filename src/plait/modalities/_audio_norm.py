"""Normalization over the part of a map that is there."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class MaskedGroupNorm(nn.Module):
    """Group normalization of maps over time and frequency, whose end may be padding.

    Mean and variance of each group of channels are those of the frames that are there, so how much
    padding follows changes nothing.

    Args:
        groups: Into how many groups the channels are divided.
        channels: How many there are.

    Shapes:
        - in: maps float ``[batch, channels, frames, bands]``, zero where the mask is false;
          mask bool ``[batch, frames]``.
        - out: float ``[batch, channels, frames, bands]``; what is masked is undefined.

    Source:
        Wu and He, "Group Normalization", 2018, arXiv 1803.08494, section 3.1; a difference: sums
        run over what is there.
    """

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(
        self, maps: Float[Tensor, "batch channels frames bands"], mask: Bool[Tensor, "batch frames"]
    ) -> Float[Tensor, "batch channels frames bands"]:
        """Maps of mean 0 and variance 1 in each group, scaled and shifted channel by channel."""
        batch, channels, _, bands = maps.shape
        each = bands * channels // self.groups
        count = (mask.sum(1) * each).clamp(min=1).unsqueeze(1)
        exact = torch.promote_types(maps.dtype, torch.float32)
        grouped = maps.to(exact).view(batch, self.groups, -1)
        mean = grouped.sum(2) / count
        variance = (grouped.square().sum(2) / count - mean.square()).clamp(min=0.0)
        scale = (variance + 1e-5).rsqrt()
        # One multiplication and one addition for each number of the map.
        per = channels // self.groups
        gain = scale.repeat_interleave(per, 1) * self.weight
        shift = self.bias - mean.repeat_interleave(per, 1) * gain
        found = maps.to(exact) * gain[:, :, None, None] + shift[:, :, None, None]
        return found.to(maps.dtype)
