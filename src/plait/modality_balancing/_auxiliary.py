"""Losses of single inputs beside the joint one."""

from collections.abc import Sequence

from torch import Tensor

from plait._errors import ConfigError

from ._base import Balance, Encoders, ModalityBalancer
from ._step import ViewLosses


class Auxiliary(ModalityBalancer):
    """Add the losses of the inputs alone, by a fixed weight.

    The plainest remedy, for any number of inputs and tasks, and a good one: every encoder gets a
    gradient of its own, and the model learns to answer without the others. Take it first; where
    inputs are nearly always all there and none is left behind, do without.

    Args:
        inputs: The names of the inputs.
        tasks: The names of the tasks.
        weight: Of the loss of each input alone; that of all together has 1.

    Raises:
        ConfigError: If the weight is negative.

    Source:
        The common baseline of the field; in the survey BalanceBenchmark (arXiv 2502.10816) as
        part of several methods. Here the answer of an input alone is that of the same heads, with
        the other inputs absent, and not of heads of its own.

    Example:
        >>> import torch
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> step = ViewLosses({("a", "b"): {"y": w}, ("a",): {"y": 2 * w}, ("b",): {"y": 4 * w}})
        >>> def total(losses):
        ...     losses["y"].backward()
        ...     return {"y": torch.tensor(1.0)}
        >>> Auxiliary(["a", "b"], ["y"], weight=0.5).backward(step, {}, total)
        {'y': tensor(1.)}
        >>> w.grad  # 1 + (2 + 4) / 2
        tensor(4.)
    """

    def __init__(self, inputs: Sequence[str], tasks: Sequence[str], *, weight: float = 0.3) -> None:
        super().__init__(inputs, tasks)
        if not 0 <= weight < float("inf"):
            raise ConfigError(f"`weight` should be a number of 0 or more. Got {weight!r}.")
        self.weight = weight

    def backward(self, step: ViewLosses, encoders: Encoders, balance: Balance) -> dict[str, Tensor]:
        """One backward pass of the sum."""
        total = dict(step.losses.get(self.inputs, {}))
        for view, losses in step.losses.items():
            for task, loss in losses.items():
                if view != self.inputs:
                    total[task] = total.get(task, 0.0) + self.weight * loss
        return balance(total)
