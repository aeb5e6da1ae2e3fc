"""Weights from a learned variance for each task."""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._learned import learned, present
from ._loss_balancer import LossBalancer
from ._step import Step


class Uncertainty(LossBalancer):
    """Learn how noisy each task is, and weigh it by one over its variance.

    Use it for losses in different units, where the sum lets one task lead: in the end each is
    weighed by about half of one over its loss. The variances are learned by the optimizer of the
    model: hand it ``balancer.parameters()`` too. Not for short runs, since they move slowly; not
    for losses that can be negative, whose weights grow without bound.

    Args:
        tasks: The names of the tasks.
        start: The logarithm of each variance at the start.

    Raises:
        ConfigError: If the start is not finite.

    Source:
        Kendall, Gal and Cipolla, *Multi-Task Learning Using Uncertainty to Weigh Losses*, CVPR
        2018, in terms of log variances as recommended there. The same formula for all
        kinds of losses, as in all libraries, where the paper halves only squared errors. It starts
        at 0, as the authors' example does; LibMTL starts at -0.5.

    Example:
        >>> import torch
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> balancer = Uncertainty(["a", "b"])
        >>> weights = balancer.backward({"a": 2 * w, "b": 8 * w})
        >>> float(weights["a"]), [float(each.grad) for each in balancer.parameters()]
        (0.5, [-0.5, -3.5])
    """

    def __init__(self, tasks: Sequence[str], *, start: float = 0.0) -> None:
        super().__init__(tasks)
        if not math.isfinite(start):
            raise ConfigError(f"`start` of Uncertainty should be finite. Got {start!r}.")
        self.log_variances = learned(tasks, float(start))

    def total(self, step: Step) -> Float[Tensor, ""]:
        """Half of the losses over their variances, and half of the log variances."""
        s = present(self.log_variances, step)
        return ((-s).exp() * step.losses + s).sum() / 2
