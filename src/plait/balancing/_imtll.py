"""Weights that make all losses equal."""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._learned import learned, present
from ._loss_balancer import LossBalancer
from ._step import Step


class IMTLL(LossBalancer):
    """Learn a factor for each task that brings its loss to 1 (IMTL-L).

    Use it as :class:`Uncertainty`, of which it is the double, with the opposite sign of what is
    learned. The factors are learned by the
    optimizer of the model: hand it ``balancer.parameters()`` too. Not for short runs, since they
    move slowly; not for losses that can be negative, whose weights grow without bound.

    Args:
        tasks: The names of the tasks.
        start: The logarithm of each factor at the start.

    Raises:
        ConfigError: If the start is not finite.

    Source:
        Liu et al., *Towards Impartial Multi-Task Learning*, ICLR 2021 (IMTL-L), with base e
        as there. No deviation.

    Example:
        >>> import torch
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> balancer = IMTLL(["a", "b"])
        >>> weights = balancer.backward({"a": 2 * w, "b": 8 * w})
        >>> float(weights["a"]), [float(each.grad) for each in balancer.parameters()]
        (1.0, [1.0, 7.0])
    """

    def __init__(self, tasks: Sequence[str], *, start: float = 0.0) -> None:
        super().__init__(tasks)
        if not math.isfinite(start):
            raise ConfigError(f"`start` of IMTLL should be finite. Got {start!r}.")
        self.log_factors = learned(tasks, float(start))

    def total(self, step: Step) -> Float[Tensor, ""]:
        """The losses times their factors, less the log factors."""
        s = present(self.log_factors, step)
        return (s.exp() * step.losses - s).sum()
