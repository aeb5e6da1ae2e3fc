"""The tensor fusion network."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait._errors import ConfigError
from plait.data import Masked

from ._base import Fusion, pooled
from ._checks import checked_count

LIMIT = 2**14
"""How many products per row are computed at most."""

LARGEST = 32


class TensorFusion(Fusion):
    """A linear map of every product of numbers of different inputs (TFN).

    Each input is mapped to a few numbers with a one put before them; the outer product of all
    holds each number alone and every product of two, three, ... It is the whole of what
    :class:`~plait.fusion.LowRank` takes a part of. Use it with two or three inputs, or to check
    what another fusion misses. Do not use it with more: the products grow as a power of the number
    of inputs.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.
        size: To how many numbers each input is mapped; left out, as many as ``width``, 32 and the
            limit allow.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If there would be more than 16,384 products per row.

    Source:
        Zadeh et al., *Tensor Fusion Network for Multimodal Sentiment Analysis*, 2017
        (arXiv 1707.07250), the tensor fusion layer. Ours: a linear map makes each input small, in
        place of the paper's networks, which are encoders here; one linear map follows the
        product, in place of a network; an absent input is zero behind its one, so that it leaves
        the products of the others.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 4), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> TensorFusion(["a", "b"], 4)(tokens).shape
        torch.Size([2, 4])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(self, inputs: Sequence[str], width: int, *, size: int | None = None) -> None:
        super().__init__(inputs, width)
        count = len(self.inputs)
        if size is None:
            fits = [s for s in range(1, min(width, LARGEST) + 1) if (s + 1) ** count <= LIMIT]
            size = max(fits, default=1)
        checked_count("size", size)
        products = (size + 1) ** count
        if products > LIMIT:
            raise ConfigError(
                f"TensorFusion computes at most {LIMIT:,} products per row. {count} inputs of size "
                f"{size} make ({size} + 1) ** {count} = {products:,}. Choose a smaller `size`, or "
                "the fusion LowRank, which does not make them one by one."
            )
        self.small = nn.ModuleList(nn.Linear(width, size) for _ in self.inputs)
        self.weigh = nn.Linear(products, width, bias=False)

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        product = torch.ones_like(means[:, 0, :1])
        for i, small in enumerate(self.small):
            part = small(means[:, i]).where(there[:, i, None], 0.0)
            part = torch.cat([torch.ones_like(part[:, :1]), part], 1)
            product = (product.unsqueeze(2) * part.unsqueeze(1)).flatten(1)
        return self.weigh(product)
