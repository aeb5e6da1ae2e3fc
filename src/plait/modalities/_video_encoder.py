"""The network part of videos."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.data import Masked

from ._bag_attention import BagAttention
from ._bag_runs import mean_token, on_items, there

WAVES = 6


class VideoEncoder(nn.Module):
    r"""Run the encoder of a picture on every frame, and read the frames in their order.

    To the vector of a frame a layer adds the sines and cosines of :math:`2^j \pi t`, where
    :math:`t` runs from 0 to 1 over the frames of the row. One transformer block lets the frames
    see each other, and attention pools them to one token. A frame that is not there is left out
    of both, and keeps its place in time.

    Args:
        each: From :class:`~plait.data.Masked` pictures to tokens.
        width: Size of a token.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: ``values`` ``[batch, frames, ...]``, ``mask`` bool ``[batch, frames]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.

    Source:
        The block is that of Xiong et al., 2020 (arXiv 2002.04745), pre-norm; the pooling is
        :class:`BagAttention`. A transformer over the vectors of frames as in Neimark et al.,
        *Video Transformer Network*, 2021 (arXiv 2102.00719), here with one block that sees all
        frames, pooling in place of a class token, and places relative to the length of the video.
    """

    def __init__(self, each: nn.Module, width: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.each = each
        self.width = width
        self.time = nn.Linear(2 * WAVES, width)
        heads = math.gcd(width, 4)
        self.block = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.attend = BagAttention(width)

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        mask = there(cells)
        frames = on_items(self._vector, cells, self.width)
        timed = (frames + self.time(waves(mask).to(frames.dtype))).masked_fill(~mask[:, :, None], 0)
        # A softmax over nothing is NaN: a row without frames attends to its padding.
        hidden = ~mask & mask.any(1, keepdim=True)
        token = self.attend(self.block(timed, src_key_padding_mask=hidden), mask)
        return Masked(token.unsqueeze(1), mask.any(1, keepdim=True))

    def _vector(self, cells: Masked) -> Tensor:
        return mean_token(self.each(cells))


def waves(mask: Bool[Tensor, "batch frames"]) -> Float[Tensor, "batch frames waves"]:
    """Sines and cosines of the moment of each frame.

    Example:
        >>> waves(torch.tensor([[True, True, False]]))[0, :2, 0]  # the sines of pi/4 and 3 pi/4
        tensor([0.7071, 0.7071])
    """
    places = torch.arange(mask.shape[1], device=mask.device)
    # What comes behind the last frame is padding.
    count = ((places + 1) * mask).amax(1, keepdim=True).clamp(min=1)
    moment = (places + 0.5) / count
    scale = math.pi * 2.0 ** torch.arange(WAVES, device=mask.device)
    angle = moment.unsqueeze(2) * scale
    return torch.cat([angle.sin(), angle.cos()], 2)
