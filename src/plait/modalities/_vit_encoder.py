"""A small vision transformer."""

import math

import torch
from torch import nn

from plait.data import Masked

from ._conv_encoder import scaled


class ViTEncoder(nn.Module):
    """Pictures to one token by a transformer over patches.

    Use the conv net below some tens of thousands of pictures: it learns from fewer.

    Args:
        size: Height and width of the pictures.
        width: Size of the token.
        layers: How many blocks.
        heads: How many heads each block has.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: ``values`` uint8 ``[batch, 3, size, size]``, ``mask`` bool ``[batch]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.

    Source:
        Dosovitskiy et al., *An Image is Worth 16x16 Words*, 2020 (arXiv 2010.11929); here with
        the mean of all patches in place of a class token, as in section D.3 of its appendix.
    """

    def __init__(
        self, size: int, width: int, *, layers: int = 3, heads: int = 4, dropout: float = 0.1
    ) -> None:
        super().__init__()
        inner = 96
        patch = max(2, size // 8)
        self.patches = nn.Conv2d(3, inner, patch, patch)
        count = (size // patch) ** 2
        self.place = nn.Parameter(torch.randn(1, count, inner) / math.sqrt(inner))
        layer = nn.TransformerEncoderLayer(
            inner, heads, 2 * inner, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.project = nn.Sequential(nn.LayerNorm(inner), nn.Linear(inner, width))

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        patches = self.patches(scaled(cells, self.place.dtype)).flatten(2).transpose(1, 2)
        token = self.project(self.blocks(patches + self.place).mean(1))
        return Masked(token.unsqueeze(1), cells.mask.unsqueeze(1))
