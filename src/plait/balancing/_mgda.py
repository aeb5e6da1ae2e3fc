"""MGDA: the shortest gradient between those of the tasks."""

import torch
from jaxtyping import Float
from torch import Tensor

from ._gradient_balancer import GradientBalancer
from ._lcp import complementary, scaled
from ._step import Step


class MGDA(GradientBalancer):
    """Take the shortest gradient that is a mean of those of the tasks: all losses fall alike.

    Use it where every loss has to fall in each step, by the same amount for all that take part.
    Not where one task is nearly done: its short gradient leads, and one of zero ends the training
    of all, because the shortest mean is then zero. ``Normalize`` around it helps.

    Args:
        tasks: The names of the tasks.
        at: Where gradients are compared; with ``"features"`` this is MGDA-UB. See
            :class:`GradientBalancer`.

    Source:
        Désidéri, *Multiple-gradient descent algorithm*, C. R. Acad. Sci. Paris 350 (2012); for
        networks Sener and Koltun, *Multi-Task Learning as Multi-Objective Optimization*, NeurIPS
        2018. Exact, where the published code stops after some rounds of Frank-Wolfe; gradients
        are not normalized, for which there is a wrapper.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = MGDA(["a", "b"]).backward({"a": 3 * w[0], "b": w[1]})
        >>> w.grad
        tensor([0.3000, 0.9000])
    """

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """With ``G y >= 1`` and ``y >= 0``, one of both equal in each place, ``w = y / sum(y)``."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        none = lengths == 0
        safe = torch.where(none, 1.0, lengths)
        shortest = torch.where(none, torch.inf, lengths).amin()
        found = complementary(cosines, (shortest / safe)[None])[0] * (shortest / safe)
        return torch.where(none.any(), none.double(), found) / torch.where(
            none.any(), none.sum(), found.sum()
        )
