"""A late transformer."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion
from ._block import Block
from ._checks import checked_heads


class Attention(Fusion):
    """A small transformer over one learned query and the tokens of all inputs (the default).

    Each token is told which input it comes from. The result is the sum of all tokens that are
    there, plus the query's last state by a small learned gain: so a plain network over the inputs
    side by side is always within reach, and the blocks learn what goes beyond it. Absent tokens
    are left out of the sum and of every softmax; a row with nothing is answered by the query.

    Use it unless you know better. With few rows (under a thousand or so) try
    :class:`~plait.fusion.Mean` beside it; with very many tokens its cost grows with their square:
    see :class:`~plait.fusion.Perceiver`.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result; a multiple of ``heads``.
        layers: How many blocks.
        heads: How many heads each block has.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``width`` is not a multiple of ``heads``.

    Source:
        The blocks are those of Xiong et al., *On Layer Normalization in the Transformer
        Architecture*, 2020 (arXiv 2002.04745), pre-norm. Late fusion of one token per modality as
        in AutoGluon-Multimodal and in *Fusion or Confusion?*, 2025 (arXiv 2512.22991); the sum
        that is added is ours.

    Example:
        >>> tokens = {"a": Masked(torch.ones(2, 3, 8), torch.ones(2, 3).bool())}
        >>> Attention(["a"], 8)(tokens).shape
        torch.Size([2, 8])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(
        self,
        inputs: Sequence[str],
        width: int,
        *,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(inputs, width)
        checked_heads(width, heads)
        self.origin = nn.Parameter(torch.randn(len(self.inputs), width) * 0.02)
        self.query = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.gain = nn.Parameter(torch.full([width], 0.1))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        parts = [tokens[name] for name in self.inputs]
        mask = torch.cat([part.mask for part in parts], 1)
        named = [part.values + self.origin[i] for i, part in enumerate(parts)]
        # Mask the operands: a hole times zero may still be NaN.
        values = torch.cat(named, 1).where(mask.unsqueeze(2), 0.0)
        query = self.query.expand(values.shape[0], 1, -1)
        states = torch.cat([query, values], 1)
        seen = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
        for block in self.blocks:
            states = block(states, seen)
        total = torch.cat([part.values for part in parts], 1).where(mask.unsqueeze(2), 0.0).sum(1)
        return total + self.gain * states[:, 0]
