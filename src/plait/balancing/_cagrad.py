"""CAGrad: near the mean gradient, the best for the task that gains least."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._ball import ball
from ._gradient_balancer import GradientBalancer
from ._lcp import scaled, unscaled
from ._options import number
from ._step import Step


class CAGrad(GradientBalancer):
    """Near the mean gradient, take the direction in which the task that gains least gains most.

    Use it to stay near the mean and still look after the worst: ``c`` is how far from the mean
    it may go, relative to its length; at 0 it is the mean. Not where gradients differ much in
    length: the least gain is measured in the units of each loss, so that short gradients count.

    Args:
        tasks: The names of the tasks.
        c: The distance from the mean gradient, relative to its length; below 1 the result always
            leads downhill for the mean of the losses.
        rescale: What the result is divided by: ``"square"`` for ``1 + c**2``, as published,
            ``"linear"`` for ``1 + c``, ``"none"`` for nothing.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Raises:
        ConfigError: If ``c`` is below 0, or ``rescale`` is none of these.

    Source:
        Liu et al., *Conflict-Averse Gradient Descent for Multi-task Learning*, NeurIPS 2021, arXiv
        2110.14048, algorithm 1, with the division of the published code (its ``rescale=1``, ``2``
        and ``0``). Exact, where that code asks a general solver for weights on the simplex. A
        task whose gradient is zero is left out of the least gain, and counts in the mean.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = CAGrad(["a", "b"], c=0.0).backward({"a": 3 * w[0], "b": w[1]})
        >>> w.grad
        tensor([1.5000, 0.5000])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        c: float = 0.5,
        rescale: Literal["square", "linear", "none"] = "square",
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.c = number("CAGrad", "c", c, 0.0)
        shrink = {"square": 1 + self.c**2, "linear": 1 + self.c, "none": 1.0}
        if rescale not in shrink:
            raise ConfigError(
                f'`rescale` of CAGrad should be "square", "linear" or "none". Got {rescale!r}.'
            )
        self.shrink = shrink[rescale]

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The mean, and what lifts the least gain, in units of the mean gradient's length."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        mean = lengths / len(lengths)
        along = cosines @ mean
        square = mean @ along
        # Where the mean is zero to rounding there is no ball to look in.
        there = square > (1e-14 * mean.sum()).square()
        unit = torch.where(there, square.clamp(min=0).sqrt(), 1.0)
        if self.c:
            inverse = unscaled(lengths.amax().expand_as(lengths), lengths)
            lifted = ball(cosines, inverse, torch.where(there, along / unit, 0.0), self.c)
            mean = mean + torch.where(there, unit * lifted, 0.0)
        return torch.where(lengths > 0, unscaled(mean, lengths), 1 / len(lengths)) / self.shrink
