"""Softmax over the batch, both ways."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ._base import Contrast


class InfoNCE(Contrast):
    """Each vector should choose its partner from all of the batch, and the partner likewise.

    The error of a row is the mean of two cross-entropies: that of its ``one`` over all ``other``,
    and that of its ``other`` over all ``one``. The temperature is learned.

    Use it first. Its task is as hard as the batch is large; with few rows in a batch
    :class:`SigLIP` may hold up better.

    Args:
        temperature: What cosines are divided by at first.
        most: What they are multiplied by at most.

    Shapes:
        - in: two of float ``[batch, size]``, and bool ``[batch, batch]``.
        - out: float, a scalar.

    Source:
        Van den Oord et al., *Representation Learning with Contrastive Predictive Coding*, 2018
        (arXiv 1807.03748), equation 4, in the symmetric form and with the learned, clipped
        temperature of Radford et al., *Learning Transferable Visual Models From Natural Language
        Supervision*, 2021 (arXiv 2103.00020), section 2.3 to 2.5. Here the clip bounds the value
        that is used and lets its gradient pass, so that no call is needed after a step. What
        ``against`` leaves out is missing from the sums below the fractions.

    Example:
        >>> vectors, all_rows = torch.eye(2), torch.ones(2, 2).bool()
        >>> loss = InfoNCE(temperature=1.0)(vectors, vectors, all_rows)
        >>> round(loss.item(), 4) == round(math.log(1 + math.exp(-1)), 4)
        True
    """

    def __init__(self, *, temperature: float = 0.07, most: float = 100.0) -> None:
        super().__init__()
        if not (temperature > 0 and most > 0):
            raise ValueError(
                f"`temperature` and `most` should be above 0. Got {temperature:g} and {most:g}"
            )
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.most = most

    @property
    def scale(self) -> Float[Tensor, ""]:
        """What cosines are multiplied by."""
        log = self.log_scale
        return (log + (log.clamp(max=math.log(self.most)) - log).detach()).exp()

    def errors(
        self, cosines: Float[Tensor, "batch batch"], against: Bool[Tensor, "batch batch"]
    ) -> Float[Tensor, " batch"]:
        """The mean of two cross-entropies for each row."""
        # Not minus infinity: a row of nothing else has no gradient.
        logits = (self.scale * cosines).masked_fill(~against, torch.finfo(cosines.dtype).min / 2)
        own = logits.diagonal()
        return (logits.logsumexp(1) + logits.logsumexp(0)) / 2 - own
