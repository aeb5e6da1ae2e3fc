"""Weights from how fast losses fall."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._base import Balancer
from ._loss_balancer import positive
from ._options import number
from ._step import Step


class DWA(Balancer):
    """Weigh tasks by how little their loss fell in the epoch before: slow ones count more.

    Use it for runs of many epochs, where one task is done long before the others; the units of
    losses do not matter to the weights, though they do to their sum. In a loop of your own call
    ``end_epoch()`` after each epoch: without it weights stay equal. Not for short runs: ratios of
    one epoch to the next are near 1, and so are all weights.

    Args:
        tasks: The names of the tasks.
        temperature: High for weights that are nearly equal.

    Raises:
        ConfigError: If the temperature is not above zero; at the end of an epoch, if the mean loss
            of a task is not.

    Source:
        Liu, Johns and Davison, *End-to-End Multi-Task Learning with Attention*, CVPR 2019
        (Dynamic Weight Average). Each task has epochs of its own, those in which it
        had a label; until it has two, its ratio is 1.

    Example:
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> balancer = DWA(["fast", "slow"])
        >>> for fast in (4.0, 1.0):
        ...     _ = balancer.backward({"fast": fast * w, "slow": 2 * w})
        ...     balancer.end_epoch()
        >>> weights = balancer.backward({"fast": 1 * w, "slow": 2 * w})
        >>> round(float(weights["fast"]), 3), round(float(weights["slow"]), 3)
        (0.815, 1.185)
    """

    def __init__(self, tasks: Sequence[str], *, temperature: float = 2.0) -> None:
        super().__init__(tasks)
        self.temperature = number("DWA", "temperature", temperature, 1e-12)
        size = len(self.tasks)
        self.register_buffer("sums", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("means", torch.zeros(size, 2, dtype=torch.float64))
        self.register_buffer("epochs", torch.zeros(size, dtype=torch.int64))
        self.sums: Tensor
        self.counts: Tensor
        self.means: Tensor
        self.epochs: Tensor

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The softmax of the ratios, times the number of tasks; losses are taken note of."""
        self.sums[step.index] += step.losses
        self.counts[step.index] += 1
        older, newer = self.means[step.index].unbind(1)
        ratios = torch.where(self.epochs[step.index] > 1, newer / older, 1.0)
        return len(ratios) * (ratios / self.temperature).softmax(0)

    def end_epoch(self) -> None:
        """Keep the mean losses of the epoch; those of a task that had none stay.

        Raises:
            ConfigError: If one is not above zero.
        """
        index = self.counts.nonzero()[:, 0]
        new = self.sums[index] / self.counts[index]
        positive(self, Step(new, index))
        self.means[index] = torch.stack([self.means[index, 1], new], 1)
        self.epochs[index] += 1
        self.sums.zero_()
        self.counts.zero_()
