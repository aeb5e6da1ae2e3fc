"""Random weights."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._base import Balancer
from ._options import whole
from ._step import Step


class RandomLoss(Balancer):
    """Weigh tasks by the softmax of random numbers, new ones in each step (RLW).

    Use it as what any cleverer method has to beat: in the published table of CelebA it is ahead of
    the sum and of six methods. Not
    as a remedy for anything in particular: in the mean all tasks count alike. Weights have a sum of
    1, so that the gradient is smaller than that of the sum.

    Args:
        tasks: The names of the tasks.
        seed: Where the random numbers come from, with the number of the step.

    Raises:
        ConfigError: If the seed is no whole number of 0 or more.

    Source:
        Lin et al., *Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task
        Learning*, TMLR 2022, with normal logits. Numbers come from a generator of its own, so that
        a run that goes on draws what it would have drawn.

    Example:
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> weights = RandomLoss(["a", "b"], seed=1).backward({"a": 2 * w, "b": 2 * w})
        >>> round(float(sum(weights.values())), 6)
        1.0
    """

    steady = True

    def __init__(self, tasks: Sequence[str], *, seed: int = 0) -> None:
        super().__init__(tasks)
        self.seed = whole("RandomLoss", "seed", seed, 0)

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The softmax of normal numbers, drawn for the tasks that are there."""
        # The generator looks at 32 bits: seeds and steps are spread over them.
        mixed = (self.seed * 2_654_435_761 + self.steps) % 2**32
        source = torch.Generator().manual_seed(mixed)
        logits = torch.randn(len(step.index), generator=source, dtype=torch.float64)
        return logits.softmax(0).to(step.losses.device)
