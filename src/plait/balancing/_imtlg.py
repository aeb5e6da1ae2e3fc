"""IMTLG: a direction that lies alike to all gradients, at weights that sum to one."""

import torch
from jaxtyping import Float
from torch import Tensor

from ._equal import equal
from ._gradient_balancer import GradientBalancer
from ._lcp import scaled, unscaled
from ._step import Step


class IMTLG(GradientBalancer):
    """Take the direction with equal projections on the gradients of all tasks.

    Use it where gradients differ in length: their lengths do not change the direction. Not with
    tasks that pull nearly apart: weights may be below zero, and large. ``ConFIG`` goes the same
    way at another length.

    Args:
        tasks: The names of the tasks.
        at: Where gradients are compared, the paper's is ``"features"``; see
            :class:`GradientBalancer`.

    Source:
        Liu et al., *Towards Impartial Multi-task Learning*, ICLR 2021, section 3.1. Weights are
        divided by the absolute value of their sum: where it is below zero, the paper's rule would
        let every loss rise. Gradients that depend on each other are allowed, by a pseudo-inverse.
        The half that weighs losses, IMTL-L, is a method of its own.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = IMTLG(["a", "b"]).backward({"a": 3 * w[0], "b": w[1]})
        >>> w.grad
        tensor([0.7500, 0.7500])
    """

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Equal projections, at weights that sum to one."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        found = unscaled(equal(lengths, cosines), lengths)
        total = found.sum().abs()
        there = total > 1e-12 * found.abs().sum()
        return torch.where(there, found / torch.where(there, total, 1.0), 0.0)
