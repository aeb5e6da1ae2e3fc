"""Low-rank multimodal fusion."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled
from ._checks import checked_count


class LowRank(Fusion):
    """Products of all inputs, in all orders, by a tensor of low rank (LMF).

    Each input, with a one put before it, is mapped linearly; the maps are multiplied number by
    number, and a few such products are summed. An absent input is left out of the product. Use it
    where inputs act together (each says how another one counts) and there are two to five. Do not
    use it with many: a product of many factors is hard to train.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.
        rank: How many products are summed.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``rank`` is below one.

    Source:
        Liu et al., *Efficient Low-rank Multimodal Fusion with Modality-Specific Factors*, 2018
        (arXiv 1806.00064), section 3.2: ``sum over r of w_r * product over m of A_m^r [1; h_m]``
        and a bias; with the weights ``w_r`` of the authors' program. Ours: an absent input's
        factor is one, and the factors of the leading ones start at one in place of noise, so that
        the product begins near a sum of the inputs and many inputs do not make it explode.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 4), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> LowRank(["a", "b"], 4)(tokens).shape
        torch.Size([2, 4])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(self, inputs: Sequence[str], width: int, *, rank: int = 4) -> None:
        super().__init__(inputs, width)
        checked_count("rank", rank)
        self.factors = nn.Parameter(torch.ones(len(self.inputs), rank, width + 1, width))
        nn.init.normal_(self.factors[:, :, 1:], std=(2 * width + 1) ** -0.5)
        self.weights = nn.Parameter(torch.randn(rank) * rank**-0.5)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        ones = torch.cat([torch.ones_like(means[:, :, :1]), means], 2)
        maps = torch.einsum("bmi,mrio->bmro", ones, self.factors)
        maps = maps.where(there[:, :, None, None], 1.0)
        # One by one: the gradient of `prod` asks the device how many zeros there are.
        product = reduce(torch.mul, maps.unbind(1))
        return torch.einsum("r,bro->bo", self.weights, product) + self.bias
