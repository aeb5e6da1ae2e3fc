"""The weighted sum."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._base import Balancer
from ._options import per_task
from ._step import Step


class Sum(Balancer):
    """Add up the losses, each by a fixed weight (the default).

    Use it first: with labels in standard units it is hard to beat. It does not look at gradients,
    so it cannot see that two tasks pull apart.

    Args:
        tasks: The names of the tasks.
        weights: The weight of each task; one that is not named has 1.

    Raises:
        ConfigError: If a weight is given for a task that is not there, or is not finite.

    Example:
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> weights = Sum(["a", "b"], weights={"b": 0.5}).backward({"a": 2 * w, "b": 2 * w})
        >>> float(weights["b"]), float(w.grad)
        (0.5, 3.0)
    """

    steady = True

    def __init__(self, tasks: Sequence[str], *, weights: Mapping[str, float] | None = None) -> None:
        super().__init__(tasks)
        self.fixed = per_task(tasks, "Sum", "weights", weights or {}, 1.0)

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The fixed weights."""
        fixed = torch.tensor(self.fixed, dtype=torch.float64, device=step.losses.device)
        return fixed[step.index]
