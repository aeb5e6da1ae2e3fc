"""GradVac: gradients turned towards the cosines that they had."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ._gradient_balancer import GradientBalancer
from ._lcp import scaled, unscaled
from ._options import number, whole
from ._orders import orders
from ._step import Step

LARGEST = 1 - 1e-8


class GradVac(GradientBalancer):
    """Turn each gradient towards the others until their cosines are what they usually are.

    Use it for many related tasks, such as languages: ``PCGrad`` acts on conflicts alone, this also
    where tasks agree less than they did. Not where tasks usually agree fully: a target near 1 asks
    for ever more of the other gradient.

    Args:
        tasks: The names of the tasks.
        beta: How fast the usual cosines follow those of a step; at 0 they stay 0, which is PCGrad.
        seed: Of the order in which each task looks at the others.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Raises:
        ConfigError: If ``beta`` is not between 0 and 1, or the seed is no whole number of 0 or
            more.

    Source:
        Wang et al., *Gradient Vaccine*, ICLR 2021, arXiv 2010.05874, algorithm 1, with all shared
        weights as one group. ``beta`` is the paper's 0.01, libraries take 0.5. A target is at most
        1 - 1e-8, for the formula divides by its sine; cosines with a gradient of zero count for
        nothing.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = GradVac(["a", "b"]).backward({"a": 3 * w[0], "b": w[1] - w[0]})
        >>> w.grad  # at first it is PCGrad
        tensor([1.5000, 2.5000])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        beta: float = 0.01,
        seed: int = 0,
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.beta = number("GradVac", "beta", beta, 0.0, 1.0)
        self.seed = whole("GradVac", "seed", seed, 0)
        self.register_buffer("targets", torch.zeros(len(tasks), len(tasks), dtype=torch.float64))
        self.targets: Tensor

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Row ``i`` says what gradient ``i`` has become, in units of each gradient's length."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        tasks = len(lengths)
        there = lengths > 0
        became = torch.eye(tasks, dtype=cosines.dtype, device=cosines.device)
        order = orders(self.seed, self.steps, tasks).to(cosines.device)
        targets = self.targets[step.index[:, None], step.index]
        for turn in range(tasks - 1):
            other = order[:, turn][:, None]
            along = (became * cosines[other[:, 0]]).sum(1, keepdim=True)
            length = ((became @ cosines) * became).sum(1, keepdim=True).clamp(min=0).sqrt()
            cosine = torch.where(length > 0, along / torch.where(length > 0, length, 1.0), 0.0)
            cosine = cosine.clamp(-1, 1)
            target = targets.gather(1, other)
            aim = target.clamp(-LARGEST, LARGEST)
            sine = (1 - aim.square()).sqrt()
            # Sine times length, and so on: with a target of 0 the last bit is as in PCGrad.
            more = length * (1 - cosine.square()).clamp(min=0).sqrt() * aim / sine - along
            known = there[:, None] & there[other]
            became = became.scatter_add(1, other, torch.where(known & (cosine < aim), more, 0.0))
            moved = torch.where(known, target + self.beta * (cosine - target), target)
            targets = targets.scatter(1, other, moved)
        self.targets[step.index[:, None], step.index] = targets
        return unscaled(lengths @ became, lengths)
