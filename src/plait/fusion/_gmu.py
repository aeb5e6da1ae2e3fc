"""Gated multimodal units."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled


class GMU(Fusion):
    """A sum of the inputs in which each number of each input has a gate (gated multimodal unit).

    All inputs together open or close the gates. Use it as a strong light choice for a few inputs
    whose importance changes from row to row. Do not use it with many inputs: each gate looks at
    all of them, so that its weights grow with the square of their number.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Source:
        Arevalo et al., *Gated Multimodal Units for Information Fusion*, 2017 (arXiv 1702.01992),
        figure 2a, the form for more than two modalities: ``sum of z_i * tanh(W_i x_i)`` with
        ``z_i = sigmoid(U_i [x_1, ..., x_M])``, without biases. Ours: an absent input is zero in
        the gates of the others and is left out of the sum, and a learned vector stands for a row
        with nothing.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 4), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> GMU(["a", "b"], 4)(tokens).shape
        torch.Size([2, 4])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        count = len(self.inputs)
        self.value = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in self.inputs)
        self.gate = nn.Linear(count * width, count * width, bias=False)
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        values = torch.stack([of(means[:, i]) for i, of in enumerate(self.value)], 1).tanh()
        gates = self.gate(means.flatten(1)).view(values.shape).sigmoid()
        total = (gates * values).where(there.unsqueeze(2), 0.0).sum(1)
        return total.where(there.any(1, keepdim=True), self.nothing)
