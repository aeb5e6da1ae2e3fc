"""What every fusion promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.data import Masked


class Fusion(nn.Module, ABC):
    """Tokens of several inputs to one vector per row.

    A token whose mask is false has no say in any value or gradient. A row of which no input is
    there gets a finite answer all the same.

    ``INTERACTS`` says whether two inputs can act together: whether a linear head on the result can
    learn what neither input says alone (the exclusive or of two bits). One that claims it has to
    show it in the law tests.

    Args:
        inputs: The names of the inputs; tokens are taken in this order.
        width: Size of a token and of the result.
    """

    INTERACTS: ClassVar[bool] = False

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__()
        self.inputs = tuple(inputs)
        self.width = width

    @abstractmethod
    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row, from tokens ``[batch, tokens, width]`` of each input."""


def pooled(
    tokens: Mapping[str, Masked], inputs: Sequence[str]
) -> tuple[Float[Tensor, "batch inputs width"], Bool[Tensor, "batch inputs"]]:
    """The mean of each input's tokens that are there, zero where none is, and which are there."""
    means, there = [], []
    for name in inputs:
        mask = tokens[name].mask.unsqueeze(2)
        count = mask.sum(1)
        means.append(tokens[name].values.where(mask, 0.0).sum(1) / count.clamp(min=1))
        there.append(count[:, 0] > 0)
    return torch.stack(means, 1), torch.stack(there, 1)
