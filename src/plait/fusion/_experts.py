"""A gated mixture of one expert per input."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled
from ._there import shares_there


class Experts(Fusion):
    """One small network per input, and a gate that shares the result out among those there.

    Use it where which inputs are there changes from row to row: an absent one has no gate, and the
    others take its share. Do not use it where the answer lies in how two inputs go together: the
    gate sees them together, each expert sees only its own.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Source:
        The dynamic mixture of modality experts of *SimMLM*, 2025 (arXiv 2507.19264): a softmax gate
        over one expert per modality, minus infinity for an absent one. Ours: experts give vectors
        and not logits, so that any heads can follow; each is a norm and two layers; the gate is
        linear in all inputs side by side, absent ones zero; a learned vector for a row with
        nothing. The paper's ranking loss (more inputs are never worse) is no part of a fusion.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 4), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> Experts(["a", "b"], 4)(tokens).shape
        torch.Size([2, 4])
    """

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        self.experts = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, 2 * width),
                nn.GELU(),
                nn.Linear(2 * width, width),
            )
            for _ in self.inputs
        )
        self.gate = nn.Linear(width * len(self.inputs), len(self.inputs))
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        shares = shares_there(self.gate(means.flatten(1)), there)
        answers = torch.stack([of(means[:, i]) for i, of in enumerate(self.experts)], 1)
        total = (answers * shares.unsqueeze(2)).sum(1)
        return total.where(there.any(1, keepdim=True), self.nothing)
