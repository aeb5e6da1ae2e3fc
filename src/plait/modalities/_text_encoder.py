"""The deep path of text."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from plait.data import Masked


class TextEncoder(nn.Module):
    """Tokens of a text to two tokens of the model: what some learned looks see, and the strongest.

    The vectors of the tokens are pooled by softmax attention of a few learned queries. Beside it,
    each vector is added to what a convolution sees of its neighbors (or a transformer block of the
    whole text, if ``ordered``), and the maximum is taken. What is masked is left out of both.

    Args:
        vocabulary: How many different tokens there are.
        width: Size of a token of the model.
        length: How many tokens a text has at most.
        ordered: Whether a transformer block reads the whole text in its order.
        looks: How many queries attend to the text.
        size: Size of a token's vector.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: ``values`` int64 ``[batch, length]``, ``mask`` bool ``[batch, length]``.
        - out: ``values`` float ``[batch, 2, width]``, ``mask`` bool ``[batch, 2]``.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        length: int,
        *,
        ordered: bool = False,
        looks: int = 4,
        size: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, size)
        # Vectors drawn from N(0, 1) cost most of what a net from nothing can reach on text.
        nn.init.normal_(self.table.weight, std=0.05)
        self.place = nn.Parameter(torch.randn(length, size) * 0.05) if ordered else None
        self.block = (
            nn.TransformerEncoderLayer(
                size, 4, 2 * size, dropout, "gelu", batch_first=True, norm_first=True
            )
            if ordered
            else None
        )
        self.near = None if ordered else nn.Conv1d(size, size, 3, padding=1)
        self.near_norm = None if ordered else nn.LayerNorm(size)
        self.norm = nn.LayerNorm(size)
        self.high_norm = nn.LayerNorm(size)
        self.drop = nn.Dropout(dropout)
        self.look = nn.Linear(size, looks)
        self.seen = nn.Linear(looks * size, width)
        self.strongest = nn.Linear(size, width)

    def forward(self, cells: Masked) -> Masked:
        """Two tokens per row."""
        mask = cells.mask
        tokens = cells.values.where(mask, 0)
        vectors = self.table(tokens)
        looked = self._looked(self.drop(self.norm(vectors)), mask)
        highest = self._highest(self.drop(self.high_norm(self._read(vectors, mask))), mask)
        pooled = torch.stack([self.seen(looked), self.strongest(highest)], 1)
        return Masked(pooled, cells.present.unsqueeze(1).expand(-1, 2))

    def _read(
        self, vectors: Float[Tensor, "batch length size"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch length size"]:
        if self.block is not None and self.place is not None:
            placed = vectors + self.place[: vectors.shape[1]]
            # A softmax over nothing is NaN: a text without tokens attends to its padding.
            return self.block(placed, src_key_padding_mask=~mask & mask.any(1, keepdim=True))
        assert self.near is not None, "there is a block or a convolution"
        assert self.near_norm is not None, "and a norm before the convolution"
        # Padding must look like the end of the text to the convolution.
        quiet = self.near_norm(vectors).masked_fill(~mask.unsqueeze(2), 0.0)
        return vectors + functional.gelu(self.near(quiet.transpose(1, 2)).transpose(1, 2))

    def _looked(
        self, states: Float[Tensor, "batch length size"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch all"]:
        hidden = ~mask.unsqueeze(2)
        weights = self.look(states).masked_fill(hidden, -1e4).softmax(1).masked_fill(hidden, 0.0)
        return torch.einsum("blq,bld->bqd", weights, states).flatten(1)

    @staticmethod
    def _highest(
        states: Float[Tensor, "batch length size"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch size"]:
        highest = states.masked_fill(~mask.unsqueeze(2), -1e4).amax(1)
        return highest.where(mask.any(1, keepdim=True), 0.0)
