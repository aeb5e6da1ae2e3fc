"""UPGrad: each gradient projected to where no loss rises."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ._gradient_balancer import GradientBalancer
from ._lcp import complementary, scaled
from ._options import TINY, preferences
from ._step import Step


class UPGrad(GradientBalancer):
    """Project the gradient of each task to where no loss rises, and take their mean.

    Use it where no loss may be traded for another: a small enough step along the result raises
    none. It is linear in the lengths of the gradients, so that a task of large gradients still
    leads; with ``Normalize`` around it none does. Not for many tasks that all conflict, where
    little is left to go by.

    Args:
        tasks: The names of the tasks.
        preference: How much the gradient of each task counts in the mean; one that is not named
            has 1.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Raises:
        ConfigError: If a preference is below zero or of no task, or all are zero.

    Source:
        Quinton and Rey, *Jacobian Descent for Multi-Objective Optimization*, arXiv 2406.16232,
        section 3. Exact, where the published code adds a ridge to the Gramian.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = UPGrad(["a", "b"]).backward({"a": 3 * w[0], "b": w[1] - w[0]})
        >>> w.grad
        tensor([0.7500, 1.2500])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        preference: Mapping[str, float] | None = None,
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.preference = preferences(tasks, "UPGrad", preference)

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Projections in units of each gradient's own length, and back."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        wanted = step.losses.new_tensor(self.preference)[step.index]
        shares = wanted / wanted.sum().clamp(min=TINY)
        unit = torch.eye(len(lengths), dtype=cosines.dtype, device=cosines.device)
        # Row i: the least that has to be added to gradient i so that it conflicts with none.
        reached = unit + complementary(cosines, -cosines)
        mixed = (shares * lengths) @ reached
        return torch.where(lengths > 0, mixed / torch.where(lengths > 0, lengths, 1.0), shares)
