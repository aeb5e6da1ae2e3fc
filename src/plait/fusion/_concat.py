"""All inputs side by side."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled


class Concat(Fusion):
    """Inputs side by side, through a linear layer and one hidden layer.

    An input's tokens are averaged first. One that is absent is replaced by a learned vector of its
    own, so that its absence can mean something. Use it for a fixed, small number of inputs that are
    nearly always there. Do not use it with many: its weights grow with their number, and all those
    of an absent input read a constant.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 4), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> Concat(["a", "b"], 4)(tokens).shape
        torch.Size([2, 4])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        size = width * len(self.inputs)
        self.absent = nn.Parameter(torch.zeros(len(self.inputs), width))
        self.straight = nn.Linear(size, width)
        self.bent = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        beside = means.where(there.unsqueeze(2), self.absent).flatten(1)
        return self.straight(beside) + self.bent(beside)
