"""Factorized bilinear pooling."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled
from ._checks import checked_count

SMALL = 1e-6


class MFB(Fusion):
    """Products of the inputs, summed in groups and tamed by root and norm (MFB).

    Each input is mapped to several numbers for each number of the result; the maps of the inputs
    that are there are multiplied, and each group is summed. The result has a norm of one. Use it
    where two inputs act together, as a question and a picture do. Do not use it where the size
    of a vector says something: the norm takes it away.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.
        factors: How many numbers make a group.
        dropout: Share of products that are dropped in training.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``factors`` is below one.

    Source:
        Yu et al., *Multi-modal Factorized Bilinear Pooling with Co-Attention Learning for Visual
        Question Answering*, 2017 (arXiv 1708.01471), section 3, without the co-attention: linear
        maps, product, dropout, sum over ``factors``, signed root, L2 norm. Ours: with more than
        two inputs the product is over all that are there, so that an absent one counts as a one
        (a sum over pairs would leave a row with one input nothing); the maps have biases; a
        millionth under each root, because the root of zero has no slope; a learned vector for a
        row with nothing.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 4), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> MFB(["a", "b"], 4)(tokens).shape
        torch.Size([2, 4])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(
        self, inputs: Sequence[str], width: int, *, factors: int = 5, dropout: float = 0.1
    ) -> None:
        super().__init__(inputs, width)
        checked_count("factors", factors)
        self.factors = factors
        self.project = nn.ModuleList(nn.Linear(width, width * factors) for _ in self.inputs)
        self.drop = nn.Dropout(dropout)
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        maps = [of(means[:, i]).where(there[:, i, None], 1.0) for i, of in enumerate(self.project)]
        product = self.drop(reduce(torch.mul, maps))
        total = product.unflatten(1, (self.width, self.factors)).sum(2)
        root = total / (total.abs() + SMALL).sqrt()
        unit = root / (root.square().sum(1, keepdim=True) + SMALL).sqrt()
        return unit.where(there.any(1, keepdim=True), self.nothing)
