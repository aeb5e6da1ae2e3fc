"""The deep path of text."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.data import Masked


class TextEncoder(nn.Module):
    """Tokens of a text to two tokens of the model: what some learned looks see, and the strongest.

    The vectors of the tokens (after one transformer block, if ``ordered``) are pooled twice: by
    softmax attention of a few learned queries, and by their maximum. What is masked is left out of
    both.

    Args:
        vocabulary: How many different tokens there are.
        width: Size of a token of the model.
        length: How many tokens a text has at most.
        ordered: Whether the order of the tokens is seen.
        looks: How many queries attend to the text.
        size: Size of a token's vector.
        dropout: Share of hidden units that are dropped in training.
        forget: Share of tokens that a training step sees as unknown.

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
        forget: float = 0.1,
    ) -> None:
        super().__init__()
        self.forget = forget
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
        self.norm = nn.LayerNorm(size)
        self.drop = nn.Dropout(dropout)
        self.look = nn.Linear(size, looks)
        self.seen = nn.Linear(looks * size, width)
        self.strongest = nn.Linear(size, width)

    def forward(self, cells: Masked) -> Masked:
        """Two tokens per row."""
        mask = cells.mask
        tokens = cells.values.where(mask, 0)
        if self.training and self.forget:
            tokens = tokens.masked_fill(
                torch.rand(tokens.shape, device=mask.device) < self.forget, 1
            )
        states = self.table(tokens)
        if self.block is not None and self.place is not None:
            states = self.block(states + self.place[: tokens.shape[1]], src_key_padding_mask=~mask)
        states = self.drop(self.norm(states))
        pooled = torch.stack(
            [self.seen(self._looked(states, mask)), self.strongest(self._highest(states, mask))], 1
        )
        return Masked(pooled, cells.present.unsqueeze(1).expand(-1, 2))

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
