"""One transformer over everything."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion
from ._block import Block
from ._checks import checked_count, checked_heads
from ._there import joined_there


class EarlyTransformer(Fusion):
    """A transformer over the tokens of all inputs in one sequence, read off a learned first token.

    Every token can look at every other from the first block on. Use it where parts of one input
    belong to parts of another (a word to a place of a picture) and there are many rows. Do not
    use it with few rows or very long inputs: its cost grows with the square of all tokens, and
    unlike :class:`~plait.fusion.Attention` it has no plain sum to start from.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.
        layers: How many blocks.
        heads: How many heads each block has; they divide ``width``.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``width`` is not a multiple of ``heads``, or ``layers`` is below one.

    Source:
        The single stream of Kiela et al., *Supervised Multimodal Bitransformers*, 2019
        (arXiv 1909.02950), and Kim et al., *ViLT*, 2021 (arXiv 2102.03334), section 3.1: type
        embeddings, one sequence, the first token's last state. Ours: pre-norm blocks, trained from
        nothing; positions are left to the encoders; absent tokens are masked.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 8), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> EarlyTransformer(["a", "b"], 8)(tokens).shape
        torch.Size([2, 8])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(
        self,
        inputs: Sequence[str],
        width: int,
        *,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(inputs, width)
        checked_heads(width, heads)
        checked_count("layers", layers)
        self.origin = nn.Parameter(torch.randn(len(self.inputs), width) * 0.02)
        self.query = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        values, mask = joined_there(tokens, self.inputs, self.origin)
        states = torch.cat([self.query.expand(values.shape[0], 1, -1), values], 1)
        seen = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
        for block in self.blocks:
            states = block(states, seen)
        return self.norm(states[:, 0])
