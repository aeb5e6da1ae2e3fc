"""Weights averaged over steps."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._inner import Of
from ._options import number
from ._step import Step
from ._wrapper import Wrapper


class Smooth(Wrapper):
    """Average the weights of a method over the steps before.

    Use it around methods whose weights jump from batch to batch, as those of ``MGDA`` and ``Nash``
    do with small ones. What is promised of a single step, such as that no loss rises, then holds
    only in the mean. Not around methods whose weights are steady or have a memory of their own.

    Args:
        tasks: The names of the tasks.
        beta: How much of the average is kept in each step, from 0 (nothing) to less than 1.
        of: The method that finds weights; see :class:`Wrapper`.

    Raises:
        ConfigError: If ``beta`` is not in these bounds, or the method changes the gradient itself.

    Source:
        Zhou et al., *On the Convergence of Stochastic Multi-Objective Gradient Manipulation and
        Beyond*, NeurIPS 2022 (CR-MOGM). The average begins with the first weights, where the paper
        begins with equal ones, and each task has an average of its own, over the steps in which
        it was there.

    Example:
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> balancer = Smooth(["a"], beta=0.5, of="Log")
        >>> [float(balancer.backward({"a": size * w})["a"]) for size in (1, 2, 4)]
        [1.0, 0.75, 0.5]
    """

    HOLDS = True

    def __init__(self, tasks: Sequence[str], *, beta: float = 0.9, of: Of = "UPGrad") -> None:
        super().__init__(tasks, of=of)
        self.beta = number("Smooth", "beta", beta, 0.0, 1 - 1e-12)
        self.register_buffer("average", torch.zeros(len(self.tasks), dtype=torch.float64))
        self.register_buffer("begun", torch.zeros(len(self.tasks), dtype=torch.bool))
        self.average: Tensor
        self.begun: Tensor

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The average, with the weights of this step in it."""
        new = self.ask(step)
        mixed = new.lerp(self.average[step.index], self.beta)
        self.average[step.index] = torch.where(self.begun[step.index], mixed, new)
        self.begun[step.index] = True
        return self.average[step.index]
