"""The largest over the inputs."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled


class Max(Fusion):
    """The largest over the inputs that are there, number by number; a learned vector where none is.

    An input's tokens are averaged first, so that one does not win by having many. Use it where
    any one input may raise the alarm, and each is often absent: it has next to nothing to learn.
    Do not use it where inputs should add up, or where an unimportant one is loud: only the winner
    of each number gets a gradient.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Source:
        Max pooling over views as in Su et al., *Multi-view Convolutional Neural Networks for 3D
        Shape Recognition*, 2015 (arXiv 1505.00880), on vectors in place of maps. The learned
        vector is ours.

    Example:
        >>> tokens = {"a": Masked(torch.tensor([[[1.0, 4.0]]]), torch.ones(1, 1).bool()),
        ...           "b": Masked(torch.tensor([[[3.0, 2.0]]]), torch.ones(1, 1).bool())}
        >>> Max(["a", "b"], 2)(tokens).tolist()
        [[3.0, 4.0]]
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        # The lowest number and not minus infinity, so that an empty row stays finite on the way.
        lowest = torch.finfo(means.dtype).min
        largest = means.masked_fill(~there.unsqueeze(2), lowest).amax(1)
        return largest.where(there.any(1, keepdim=True), self.nothing)
