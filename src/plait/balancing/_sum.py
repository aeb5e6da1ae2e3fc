"""The weighted sum."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from plait._errors import suggestion

from ._base import Balancer


class Sum(Balancer):
    """Add up the losses, each by a fixed weight (the default).

    Use it first: with labels in standard units it is hard to beat. It does not look at gradients,
    so it cannot see that two tasks pull apart.

    Args:
        tasks: The names of the tasks.
        weights: The weight of each task; one that is not named has 1.

    Raises:
        ValueError: If a weight is given for a task that is not there.

    Example:
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> Sum(["a", "b"], weights={"b": 0.5}).backward({"a": 2 * w, "b": 2 * w})
        {'a': 1.0, 'b': 0.5}
        >>> w.grad
        tensor(3.)
    """

    def __init__(self, tasks: Sequence[str], *, weights: Mapping[str, float] | None = None) -> None:
        super().__init__(tasks)
        given = dict(weights or {})
        for name in given:
            if name not in self.tasks:
                raise ValueError(
                    f"`weights` should name the tasks {list(self.tasks)}. Got {name!r}."
                    f"{suggestion(name, self.tasks)}"
                )
        self.weights = {name: float(given.get(name, 1.0)) for name in self.tasks}

    def backward(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """One ordinary backward pass of the weighted sum."""
        self.check(losses)
        if losses:
            total = torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()
            total.backward()
        return {name: self.weights[name] for name in losses}
