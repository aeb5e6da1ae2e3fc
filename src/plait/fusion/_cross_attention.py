"""Every input reads every other."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion
from ._block import Block
from ._checks import checked_count, checked_heads
from ._cross import Cross


class CrossAttention(Fusion):
    """Every input reads every other one by attention of their own, and then thinks it over (MulT).

    A pair of which one is absent is left out. Use it with two or three inputs of many tokens that
    are not aligned: words, frames and sounds of one scene. Do not use it with many inputs: each
    ordered pair has blocks of its own.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.
        layers: How many blocks of cross-attention each pair has, and of self-attention each input.
        heads: How many heads each block has; they divide ``width``.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``width`` is not a multiple of ``heads``, or ``layers`` is below one.

    Source:
        Tsai et al., *Multimodal Transformer for Unaligned Multimodal Language Sequences*, 2019
        (arXiv 1906.00295), sections 3.1 and 3.2: for each ordered pair a stack of cross-attention
        from the first tokens of the other; what an input made of all others side by side, through
        self-attention. Ours: a linear map of the side-by-side part, without a bias, brings it
        back to ``width``, so that an absent pair leaves a sum; an input's own tokens are added,
        for a row in which it stands alone; the mean of its tokens in place of the last one; one
        layer in place of four; temporal convolutions and positions are left to the encoders; a
        learned vector for a row with nothing.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 8), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> CrossAttention(["a", "b"], 8)(tokens).shape
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
        checked_count("layers", layers)
        places = range(len(self.inputs))
        self.pairs = tuple(permutations(places, 2))
        self.layers = layers
        self.reads = nn.ModuleList(
            Cross(width, heads, dropout) for _ in range(layers * len(self.pairs))
        )
        self.mixes = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in self.pairs)
        self.thinks = nn.ModuleList(
            Block(width, heads, dropout) for _ in range(layers * len(places))
        )
        self.outs = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in places)
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        masks = [tokens[name].mask for name in self.inputs]
        there = torch.stack([mask.any(1) for mask in masks], 1)
        # One kind of number for all: mixed precision gives another to inputs that are absent.
        values = [
            tokens[name].values.to(self.nothing.dtype).where(mask.unsqueeze(2), 0.0)
            for name, mask in zip(self.inputs, masks, strict=True)
        ]
        heard = list(values)
        for pair, ((here, other), mix) in enumerate(zip(self.pairs, self.mixes, strict=True)):
            states = values[here]
            for layer in range(self.layers):
                read = self.reads[pair * self.layers + layer]
                states = read(states, values[other], masks[other])
            heard[here] = heard[here] + mix(states).where(there[:, other, None, None], 0.0)
        total = torch.zeros_like(heard[0][:, 0])
        for i, out in enumerate(self.outs):
            mask = masks[i].unsqueeze(2)
            # A softmax over nothing is NaN: there all are looked at, and are left out of the mean.
            seen = masks[i] | ~there[:, i, None]
            states = heard[i]
            for layer in range(self.layers):
                states = self.thinks[i * self.layers + layer](states, seen)
            mean = states.where(mask, 0.0).sum(1) / mask.sum(1).clamp(min=1)
            total = total + out(mean)
        return total.where(there.any(1, keepdim=True), self.nothing)
