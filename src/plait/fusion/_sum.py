"""The inputs added up."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled


class Sum(Fusion):
    """The sum over the inputs that are there; a learned vector where none is.

    Each input counts once, however many tokens it has. Use it where each input adds evidence of
    its own and how many there are should matter. Where it should not, as with inputs that are
    absent at random, :class:`~plait.fusion.Mean` keeps the size of the result. It cannot see two
    inputs together.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Source:
        The sum of sets in Zaheer et al., *Deep Sets*, 2017 (arXiv 1703.06114), theorem 2, where
        encoders stand for the inner network. The learned vector is ours.

    Example:
        >>> tokens = {"a": Masked(torch.ones(2, 1, 3), torch.ones(2, 1).bool()),
        ...           "b": Masked(torch.ones(2, 1, 3), torch.tensor([[True], [False]]))}
        >>> Sum(["a", "b"], 3)(tokens)[:, 0].tolist()
        [2.0, 1.0]
    """

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        return means.sum(1).where(there.any(1, keepdim=True), self.nothing)
