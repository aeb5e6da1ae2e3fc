"""The plainest fusion."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled


class Mean(Fusion):
    """The mean over the inputs that are there; a learned vector where none is.

    Each input counts once, however many tokens it has. Use it as a baseline, or with very few
    rows: it has next to nothing to learn. It cannot see two inputs together.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Example:
        >>> tokens = {"a": Masked(torch.ones(2, 1, 4), torch.tensor([[True], [False]]))}
        >>> Mean(["a"], 4)(tokens)[:, 0].tolist()
        [1.0, 0.0]
    """

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        count = there.sum(1, keepdim=True)
        return (means.sum(1) / count.clamp(min=1)).where(count > 0, self.nothing)
