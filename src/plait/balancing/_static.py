"""Fixed weights that add up to the number of tasks."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._base import Balancer
from ._options import per_task
from ._step import Step


class Static(Balancer):
    """Add up the losses by fixed shares: weights have a mean of 1, whatever numbers are given.

    Use it to tune weights: only the balance of the tasks changes, and the size of the gradient, so
    the right learning rate, stays about where it was. With :class:`Sum` doubling one weight does
    both. Tuned well, it matches most methods that find weights themselves. Not where tuning is too
    dear: with many tasks there are many numbers to try.

    Args:
        tasks: The names of the tasks.
        weights: How much each task counts, in any unit; one that is not named has 1.

    Raises:
        ConfigError: If a weight is below zero or of no task, or all are zero.

    Source:
        The weighted sum of Kurin et al., *In Defense of the Unitary Scalarization for Deep
        Multi-Task Learning*, NeurIPS 2022, and Xin et al., NeurIPS 2022. Ours is the common size.
        Shares are of all tasks: a task weighs the same in a step where others have no label.

    Example:
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> weights = Static(["a", "b"], weights={"b": 3.0}).backward({"a": 2 * w, "b": 2 * w})
        >>> float(weights["a"]), float(weights["b"]), float(w.grad)
        (0.5, 1.5, 4.0)
    """

    steady = True

    def __init__(self, tasks: Sequence[str], *, weights: Mapping[str, float] | None = None) -> None:
        super().__init__(tasks)
        given = per_task(tasks, "Static", "weights", weights or {}, 1.0)
        whole = sum(given)
        if not 0 < whole < float("inf"):
            raise ConfigError(
                f"`weights` of Static should have a sum above zero, and a finite one. Got {given}. "
                "Leave them out to count all tasks alike."
            )
        self.fixed = [len(given) * (each / whole) for each in given]

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The fixed shares."""
        fixed = torch.tensor(self.fixed, dtype=torch.float64, device=step.losses.device)
        return fixed[step.index]
