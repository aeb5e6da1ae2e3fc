"""ConFIG: a direction that lies alike to all gradients, as long as they project on it."""

import torch
from jaxtyping import Float
from torch import Tensor

from ._equal import equal
from ._gradient_balancer import GradientBalancer
from ._lcp import scaled, unscaled
from ._step import Step


class ConFIG(GradientBalancer):
    """Take the direction with equal cosines to all gradients, as long as all project on it.

    Use it where gradients differ in length and none may be worked against; made for
    physics-informed networks. The more tasks pull apart, the shorter the step. Not where a task
    matters more than others: all count alike.

    Args:
        tasks: The names of the tasks.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Source:
        Liu, Chu and Thuerey, *ConFIG: Towards Conflict-free Training of Physics Informed Neural
        Networks*, ICLR 2025, arXiv 2408.11104, equations 2 and 3, through inner products alone:
        ``pinv(U) 1 = U' pinv(U U') 1``. The variant with momentum is not here.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = ConFIG(["a", "b"]).backward({"a": 3 * w[0], "b": w[1]})
        >>> w.grad
        tensor([2., 2.])
    """

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Equal cosines, and the sum of all gradients' projections as the length."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        found = equal(lengths, cosines)
        each = cosines @ found
        square = found @ each
        there = square > 0
        stretch = lengths @ each / torch.where(there, square, 1.0)
        return unscaled(torch.where(there, stretch * found, 0.0), lengths)
