"""A weighted sum of the inputs."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled
from ._there import shares_there


class ScalarAttention(Fusion):
    """A weighted sum of the inputs, with one weight for each that all inputs decide together.

    The weights are a softmax over the inputs that are there. Use it with a handful of inputs of
    which one or another matters from row to row. Do not use it where the answer lies in how two
    inputs go together, or where numbers of one vector need different weights: that is
    :class:`~plait.fusion.GMU`.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Source:
        Attention over modalities as in ``AttentionFusionModule`` of TorchMultimodal: a softmax of
        a linear map of all inputs side by side weighs a linear map of each. Ours: an absent input
        is zero in the linear map and has no part in the softmax; a learned vector stands for a
        row with nothing.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 4), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> ScalarAttention(["a", "b"], 4)(tokens).shape
        torch.Size([2, 4])
    """

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        self.value = nn.ModuleList(nn.Linear(width, width) for _ in self.inputs)
        self.score = nn.Linear(width * len(self.inputs), len(self.inputs))
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        shares = shares_there(self.score(means.flatten(1)), there)
        values = torch.stack([of(means[:, i]) for i, of in enumerate(self.value)], 1)
        total = (values * shares.unsqueeze(2)).sum(1)
        return total.where(there.any(1, keepdim=True), self.nothing)
