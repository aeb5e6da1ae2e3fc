"""Latents that read all tokens."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion
from ._block import Block
from ._checks import checked_count, checked_heads
from ._cross import Cross
from ._there import joined_there


class Perceiver(Fusion):
    """A few learned latents that read the tokens of all inputs, and think among themselves.

    Use it with very many tokens: its cost grows with their number, and not with its square. Do
    not use it with one token per input: then :class:`~plait.fusion.Attention` does the same for
    less.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.
        latents: How many latents.
        layers: How many times they read and think, with weights of their own each time.
        heads: How many heads each block has; they divide ``width``.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``width`` is not a multiple of ``heads``, or ``latents`` or ``layers`` is
            below one.

    Source:
        Jaegle et al., *Perceiver: General Perception with Iterative Attention*, 2021
        (arXiv 2103.03206), section 3.1: cross-attention, then self-attention, repeated, and the
        mean of the latents. Ours: type embeddings say which input a token is of, while positions
        are left to the encoders; one self-attention block per reading; weights are not shared
        among readings; absent tokens are masked.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 8), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> Perceiver(["a", "b"], 8)(tokens).shape
        torch.Size([2, 8])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(
        self,
        inputs: Sequence[str],
        width: int,
        *,
        latents: int = 8,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(inputs, width)
        checked_heads(width, heads)
        checked_count("latents", latents)
        checked_count("layers", layers)
        self.origin = nn.Parameter(torch.randn(len(self.inputs), width) * 0.02)
        self.latents = nn.Parameter(torch.randn(latents, width) * 0.02)
        self.reads = nn.ModuleList(Cross(width, heads, dropout) for _ in range(layers))
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        values, mask = joined_there(tokens, self.inputs, self.origin)
        states = self.latents.expand(values.shape[0], -1, -1)
        seen = mask.new_ones(states.shape[:2])
        for read, block in zip(self.reads, self.blocks, strict=True):
            states = block(read(states, values, mask), seen)
        return self.norm(states.mean(1))
