"""GradNorm: lengths of gradients that follow how fast tasks learn."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ._gradient_balancer import GradientBalancer
from ._lcp import scaled
from ._loss_balancer import positive
from ._options import number
from ._step import Step

BETAS, TINY, LEAST = (0.9, 0.999), 1e-8, 1e-4


class GradNorm(GradientBalancer):
    """Learn weights by which the tasks that fell behind get the longer gradients.

    Use it where tasks learn at different speeds, over a long training: weights move slowly, by
    about the learning rate a step. Not for losses that can be zero or negative, and not where the
    first loss of a task is no measure of it. It does not look at conflicts.

    Args:
        tasks: The names of the tasks.
        alpha: How strongly tasks that fell behind are pulled; at 0 all gradients are to be of the
            same length.
        rate: The learning rate of the weights, which have an Adam of their own.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Raises:
        ConfigError: If ``alpha`` or ``rate`` is below 0; while training, if a loss is not above
            zero.

    Source:
        Chen et al., *GradNorm*, ICML 2018, arXiv 1711.02257, algorithm 1, with the gradient of the
        weights in closed form. Lengths are those over all shared weights, or over what ``at`` and
        ``over`` say, where the paper takes the last shared layer (``over=layer.parameters()``).
        Each task's own weights follow its own loss, there the weighted one. Weights are at least
        1e-4. With absent tasks, those that are there are weighed so that their mean is 1, and
        the rates are relative to theirs.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> balancer = GradNorm(["a", "b"])
        >>> for _ in range(2):
        ...     weights = balancer.backward({"a": 3 * w[0], "b": w[1]})
        >>> [round(float(weight), 3) for weight in weights.values()]
        [0.975, 1.025]
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        alpha: float = 1.5,
        rate: float = 0.025,
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.alpha = number("GradNorm", "alpha", alpha, 0.0)
        self.rate = number("GradNorm", "rate", rate, 0.0)
        zeros = torch.zeros(len(tasks), dtype=torch.float64)
        self.register_buffer("learned", torch.ones_like(zeros))
        for name in ("first", "moment", "square", "count"):
            self.register_buffer(name, zeros.clone())
        self.learned: Tensor
        self.first: Tensor
        self.moment: Tensor
        self.square: Tensor
        self.count: Tensor

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The weights learned so far; what this step teaches counts from the next on.

        Raises:
            ConfigError: If a loss is not above zero.
        """
        assert step.gramian is not None
        if not torch.compiler.is_compiling():
            positive(self, step)
        index = step.index
        lengths, _ = scaled(step.gramian)
        first = torch.where(self.first[index] > 0, self.first[index], step.losses)
        self.first[index] = first
        now = _even(self.learned[index])
        behind = step.losses / first
        target = (now * lengths).mean() * (behind / behind.mean()) ** self.alpha
        slope = (now * lengths - target).sign() * lengths
        count = self.count[index] + 1
        moment = torch.lerp(slope, self.moment[index], BETAS[0])
        square = torch.lerp(slope.square(), self.square[index], BETAS[1])
        size = (square / (1 - BETAS[1] ** count)).sqrt()
        move = moment / (1 - BETAS[0] ** count) / (size + TINY * lengths.amax())
        new = _even((now - self.rate * move.nan_to_num()).clamp(min=LEAST))
        self.learned[index], self.count[index] = new, count
        self.moment[index], self.square[index] = moment, square
        return now


def _even(weights: Float[Tensor, " present"]) -> Float[Tensor, " present"]:
    return weights / weights.mean()
