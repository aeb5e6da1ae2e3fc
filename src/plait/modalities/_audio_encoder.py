"""A small conv net over mel frames."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from plait.data import Masked

from ._audio_norm import MaskedGroupNorm

PARTS = 4
"""Into how many parts of its time a sound is pooled: what comes first may matter."""


class AudioEncoder(nn.Module):
    """Mel frames to one token, by halving convolutions over time and frequency.

    Behind three of them, all bands of a frame are brought together, and one more looks at its
    neighbors in time. Frames are pooled by four weights along the sound (bells around 1/8, 3/8, 5/8
    and 7/8 of it), each to a vector, which together make the token. After each step, frames that
    are not there are set to zero, as if the sound ended there: padding changes nothing.

    Args:
        mels: How many mel bands a frame has.
        width: Size of the token.
        channels: Of the three convolutions.
        hidden: Size of a vector in time.
        dropout: Share of the pooled features that is dropped in training.

    Shapes:
        - in: ``values`` float ``[batch, frames, mels]``, ``mask`` bool ``[batch, frames]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.
    """

    centers: Tensor

    def __init__(
        self,
        mels: int,
        width: int,
        *,
        channels: tuple[int, int, int] = (16, 32, 64),
        hidden: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        before, bands = 1, mels
        convolutions: list[nn.Module] = []
        norms: list[nn.Module] = []
        for number, each in enumerate(channels):
            convolutions.append(nn.Conv2d(before, each, 3, (2 if number else 1, 2), 1))
            norms.append(MaskedGroupNorm(8, each))
            before, bands = each, -(-bands // 2)
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(norms)
        self.gather = nn.Linear(before * bands, hidden)
        self.gather_norm = nn.LayerNorm(hidden)
        self.near = nn.Conv1d(hidden, hidden, 3, padding=1)
        self.near_norm = nn.LayerNorm(hidden)
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(PARTS * hidden, width))
        self.register_buffer("centers", (torch.arange(PARTS) + 0.5) / PARTS, persistent=False)

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        mask = cells.mask
        hidden = ~mask.unsqueeze(2)
        frames = cells.values.masked_fill(hidden, 0.0).to(self.gather_norm.weight.dtype)
        maps = frames.unsqueeze(1)
        for number, (convolve, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            if number:
                mask = mask[:, ::2]
            hidden = ~mask[:, None, :, None]
            # Silence around a sound and padding behind it must look the same to a convolution.
            maps = norm(convolve(maps).masked_fill(hidden, 0.0), mask)
            maps = gelu(maps).masked_fill(hidden, 0.0)
        states = gelu(self.gather_norm(self.gather(maps.transpose(1, 2).flatten(2))))
        quiet = states.masked_fill(~mask.unsqueeze(2), 0.0)
        near = self.near(quiet.transpose(1, 2)).transpose(1, 2)
        states = (quiet + gelu(self.near_norm(near))).masked_fill(~mask.unsqueeze(2), 0.0)
        pooled = torch.einsum("bft,bfh->bth", self._weights(mask).to(states.dtype), states)
        token = self.project(pooled.flatten(1))
        return Masked(token.unsqueeze(1), cells.present.unsqueeze(1))

    def _weights(self, mask: Bool[Tensor, "batch frames"]) -> Float[Tensor, "batch frames parts"]:
        """How much each frame counts for each part; those of a part add up to 1."""
        length = mask.sum(1).clamp(min=1).view(-1, 1, 1)
        place = (torch.arange(mask.shape[1], device=mask.device) + 0.5).view(1, -1, 1) / length
        away = (place - self.centers) * PARTS
        weights = torch.softmax((-2.0 * away.square()).masked_fill(~mask.unsqueeze(2), -1e4), 1)
        return weights.masked_fill(~mask.unsqueeze(2), 0.0)
