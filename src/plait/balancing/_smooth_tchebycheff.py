"""A smooth maximum of the losses."""

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from ._loss_balancer import LossBalancer
from ._options import TINY, number, per_task, preferences
from ._step import Step


class SmoothTchebycheff(LossBalancer):
    """Minimize a smooth maximum of the losses: the worst task counts most (STCH).

    Use it where no task may be left behind, and to look for a chosen compromise: with the
    preferences all points of a Pareto front can be reached, where a weighted sum reaches only its
    convex parts. Losses are compared as they are: with different units wrap it,
    ``Normalize(by="initial", of="SmoothTchebycheff")``. Not where one task stays at a high loss by
    its nature: it takes all.

    Args:
        tasks: The names of the tasks.
        mu: How smooth: small for the maximum itself, large for the weighted sum. It has the unit of
            the losses.
        preference: How much each task counts; one that is not named has 1. Shares of the tasks that
            are there are taken.
        ideal: The least that each loss could be, which is taken away from it; one that is not named
            has 0.

    Raises:
        ConfigError: If ``mu`` is not above zero, a preference is below zero or of no task, or all
            are zero.

    Source:
        Lin et al., *Smooth Tchebycheff Scalarization for Multi-Objective Optimization*, ICML 2024.
        The authors' code for networks first trains on the sum of logarithms for some epochs, then
        divides losses by their means there and takes logarithms; ours is the equation, and
        ``Normalize`` does the rest.

    Example:
        >>> import torch
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> balancer = SmoothTchebycheff(["a", "b"], mu=0.1)
        >>> weights = balancer.backward({"a": 2 * w, "b": 1 * w})
        >>> round(float(weights["a"]), 3), round(float(weights["b"]), 3)
        (0.497, 0.003)
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        mu: float = 1.0,
        preference: Mapping[str, float] | None = None,
        ideal: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(tasks)
        self.mu = number("SmoothTchebycheff", "mu", mu, 1e-12)
        self.preference = preferences(tasks, "SmoothTchebycheff", preference)
        lowest = float("-inf")
        self.ideal = per_task(tasks, "SmoothTchebycheff", "ideal", ideal or {}, 0.0, lowest)

    def total(self, step: Step) -> Float[Tensor, ""]:
        """The smooth maximum, which never overflows."""
        wanted = step.losses.new_tensor(self.preference)[step.index]
        # Where all that is there has a preference of zero, it pulls at nothing.
        shares = wanted / wanted.sum().clamp(min=TINY)
        above = step.losses - step.losses.new_tensor(self.ideal)[step.index]
        return self.mu * (shares * above / self.mu).logsumexp(0)
