"""Attention bottlenecks."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion
from ._block import Block
from ._checks import checked_count, checked_heads
from ._there import mean_there


class Bottleneck(Fusion):
    """A transformer for each input; they speak to each other through a few shared tokens (MBT).

    In each layer an input attends to its own tokens and to the shared ones; then the shared ones
    become the mean of what the inputs that are there made of them. Use it with long inputs (sound,
    video, series): its cost grows with the square of each input and not of all together. Do not
    use it with many short inputs: each has blocks of its own.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.
        bottlenecks: How many shared tokens.
        layers: How many blocks each input has; with one, inputs do not yet hear each other.
        heads: How many heads each block has; they divide ``width``.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``width`` is not a multiple of ``heads``, or ``bottlenecks`` or ``layers``
            is below one.

    Source:
        Nagrani et al., *Attention Bottlenecks for Multimodal Fusion*, 2021 (arXiv 2107.00135),
        sections 3.2 to 3.4. Ours: any number of inputs; bottlenecks in every layer (the paper's
        fusion layer 0; layers before it are encoders here); the last states of the inputs' first
        tokens are averaged in place of their logits; both means are over the inputs that are
        there, with a learned vector for none.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 8), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> Bottleneck(["a", "b"], 8)(tokens).shape
        torch.Size([2, 8])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(
        self,
        inputs: Sequence[str],
        width: int,
        *,
        bottlenecks: int = 4,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(inputs, width)
        checked_heads(width, heads)
        checked_count("bottlenecks", bottlenecks)
        checked_count("layers", layers)
        self.firsts = nn.Parameter(torch.randn(len(self.inputs), width) * 0.02)
        self.shared = nn.Parameter(torch.randn(bottlenecks, width) * 0.02)
        self.layers = layers
        self.blocks = nn.ModuleList(
            Block(width, heads, dropout) for _ in range(layers * len(self.inputs))
        )
        self.norm = nn.LayerNorm(width)
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        masks = [tokens[name].mask for name in self.inputs]
        there = torch.stack([mask.any(1) for mask in masks], 1)
        batch, count = there.shape[0], self.shared.shape[0]
        always = there.new_ones(batch, 1)
        shared = self.shared.expand(batch, -1, -1)
        states, seen = [], []
        for i, (name, mask) in enumerate(zip(self.inputs, masks, strict=True)):
            values = tokens[name].values.where(mask.unsqueeze(2), 0.0)
            states.append(torch.cat([self.firsts[i].expand(batch, 1, -1), values], 1))
            seen.append(torch.cat([always, mask, always.expand(-1, count)], 1))
        for layer in range(self.layers):
            heard = []
            for i, state in enumerate(states):
                block = self.blocks[layer * len(states) + i]
                after = block(torch.cat([state, shared], 1), seen[i])
                states[i] = after[:, :-count]
                heard.append(after[:, -count:])
            flat = torch.stack(heard, 1).flatten(2)
            shared = mean_there(flat, there, self.shared.flatten()).unflatten(1, (count, -1))
        firsts = self.norm(torch.stack([state[:, 0] for state in states], 1))
        return mean_there(firsts, there, self.nothing)
