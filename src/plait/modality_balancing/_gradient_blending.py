"""Weights by how much each view overfits."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from plait._errors import ConfigError

from ._base import Balance, Encoders, ModalityBalancer
from ._step import View, ViewLosses


class GradientBlending(ModalityBalancer):
    """Weigh the losses of all inputs together and of each alone by how well they generalize.

    Every few epochs a view's weight becomes its gain on validation rows over the square of how
    much more it overfits than before. A view that learns by heart soon weighs little.

    Use it where some inputs overfit long before others, and where there are enough validation
    rows to tell. With few of them the weights are noise: take :class:`Auxiliary`.

    Args:
        inputs: The names of the inputs.
        tasks: The names of the tasks.
        every: How many epochs there are between two looks.

    Raises:
        ConfigError: If ``every`` is not positive.

    Source:
        Wang, Tran and Feiszli, *What Makes Training Multi-Modal Classification Networks Hard?*,
        CVPR 2020 (arXiv 1905.12681), the online form: ``w`` is proportional to ``G / O**2``, with
        ``G`` the fall of the validation loss and ``O`` the rise of the gap between validation and
        training loss. Deviations: both are read off the joint run itself and not off probe
        trainings that start from it; a view whose validation loss rose gets no weight; where all
        did, weights stay; each task has its own. Weights of a task add up to the number of views,
        so that the length of the gradient stays that of the plain sum.

    Example:
        >>> balancer = GradientBlending(["a", "b"], ["y"], every=1)
        >>> both, a, b = balancer.views
        >>> start = {view: {"y": 1.0} for view in balancer.views}
        >>> balancer.observe(0, start, start)
        >>> train, valid = {"y": 0.5}, {"y": 0.75}
        >>> balancer.observe(1, {v: train for v in start}, {both: valid, a: valid, b: {"y": 0.9}})
        >>> [round(each, 2) for each in balancer.weights[:, 0].tolist()]
        [1.39, 1.39, 0.22]
    """

    def __init__(self, inputs: Sequence[str], tasks: Sequence[str], *, every: int = 2) -> None:
        super().__init__(inputs, tasks)
        if not (isinstance(every, int) and every >= 1):
            raise ConfigError(f"`every` should be a whole number of at least 1. Got {every!r}.")
        self.every = every
        shape = (len(self.views), len(self.tasks))
        self.register_buffer("weights", torch.ones(shape, dtype=torch.float64))
        self.register_buffer("before", torch.full((2, *shape), torch.nan, dtype=torch.float64))
        self.weights: Tensor
        self.before: Tensor

    def backward(self, step: ViewLosses, encoders: Encoders, balance: Balance) -> dict[str, Tensor]:
        """One backward pass of the weighted sum."""
        total: dict[str, Tensor] = {}
        for row, view in enumerate(self.views):
            for task, loss in step.losses.get(view, {}).items():
                weight = self.weights[row, self.tasks.index(task)].to(loss.dtype)
                total[task] = total.get(task, 0.0) + weight * loss
        return balance(total)

    def due(self, epoch: int) -> bool:
        """Before the first epoch, and every so many."""
        return epoch % self.every == 0

    def observe(
        self,
        epoch: int,
        train: Mapping[View, Mapping[str, float]],
        valid: Mapping[View, Mapping[str, float]],
    ) -> None:
        """Set the weights anew, every so many epochs."""
        now = torch.stack([self._table(train), self._table(valid)])
        gain = self.before[1] - now[1]
        gap = (now[1] - now[0]) - (self.before[1] - self.before[0])
        known = gain.isfinite() & gap.isfinite()
        # A gap that did not move at all would outweigh everything else.
        worth = gain.clamp(min=0) / gap.square().clamp(min=1e-4 * gain.square() + 1e-12)
        worth = worth.where(known, 0.0)
        total = worth.sum(0, keepdim=True)
        settled = len(self.views) * worth / total.clamp(min=1e-30)
        self.weights.copy_(torch.where(total > 0, settled, self.weights))
        self.before.copy_(now)

    def _table(self, losses: Mapping[View, Mapping[str, float]]) -> Tensor:
        rows = [
            [losses.get(view, {}).get(task, torch.nan) for task in self.tasks]
            for view in self.views
        ]
        return torch.tensor(rows, dtype=torch.float64).to(self.weights.device)
