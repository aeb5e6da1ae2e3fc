"""A yes or no for every pair of rows."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from ._base import Contrast


class SigLIP(Contrast):
    """Whether two vectors belong to one row, asked of each pair of rows by itself.

    No pair is weighed against the others of the batch, as :class:`InfoNCE` does. Scale and bias
    are learned. The bias starts low, for nearly all pairs are strangers.

    Use it for small batches, or where rows resemble each other. It takes longer to get going: the
    bias has to find its place.

    Args:
        scale: What cosines are multiplied by at first.
        bias: What is added to them at first.

    Shapes:
        - in: two of float ``[batch, size]``, and bool ``[batch, batch]``.
        - out: float, a scalar.

    Source:
        Zhai et al., *Sigmoid Loss for Language Image Pre-Training*, 2023 (arXiv 2303.15343),
        section 3.2 and algorithm 1: neither scale nor bias is clipped there, nor here. What
        ``against`` leaves out is no term of the sum.

    Example:
        >>> vectors, all_rows = torch.eye(2), torch.ones(2, 2).bool()
        >>> loss = SigLIP(scale=1.0, bias=0.0)(vectors, vectors, all_rows)
        >>> round(loss.item(), 4) == round(math.log(1 + math.exp(-1)) + math.log(2), 4)
        True
    """

    def __init__(self, *, scale: float = 10.0, bias: float = -10.0) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"`scale` should be above 0. Got {scale:g}")
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def errors(
        self, cosines: Float[Tensor, "batch batch"], against: Bool[Tensor, "batch batch"]
    ) -> Float[Tensor, " batch"]:
        """For each row the sum over all that it is held against."""
        logits = self.log_scale.exp() * cosines + self.bias
        mine = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        return -logsigmoid(logits.where(mine, -logits)).where(against, 0.0).sum(1)
