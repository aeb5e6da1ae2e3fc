"""Weights found at the start, and then fixed."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._inner import Of
from ._options import whole
from ._step import Step
from ._wrapper import Wrapper


class Freeze(Wrapper):
    """Let a method find weights for a while, then fix their mean for good.

    Use it to get most of what a method has to give at the price of a weighted sum: from then on a
    step costs one backward pass, and nothing stands in the way of compiling and of several
    processes. The frozen weights have a mean size of 1. Not where the right balance changes while
    training, as with tasks that are learned one after the other.

    Args:
        tasks: The names of the tasks.
        after: In how many steps weights are found before they are fixed.
        of: The method that finds them; see :class:`Wrapper`.

    Raises:
        ConfigError: If ``after`` is not 1 or more, or the method changes the gradient itself.

    Source:
        Gama and Grassi (2025), who find that frozen averages of a balancer's weights recover
        nearly all that it gains, and AutoScale, arXiv 2508.13979, which freezes after a probe.
        Weights of a step count by their share, so that steps of large weights do not lead. A task
        that was never there before has 1.

    Example:
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> balancer = Freeze(["a", "b"], after=1, of="Log")
        >>> for size in (3.0, 9.0):
        ...     weights = balancer.backward({"a": 1 * w, "b": size * w})
        >>> float(weights["a"]), float(weights["b"])
        (1.5, 0.5)
    """

    HOLDS = True

    def __init__(self, tasks: Sequence[str], *, after: int = 100, of: Of = "UPGrad") -> None:
        super().__init__(tasks, of=of)
        self.after = whole("Freeze", "after", after, 1)
        self.found = 0
        """In how many steps weights were found."""
        self.register_buffer("sums", torch.zeros(len(self.tasks), dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(len(self.tasks), dtype=torch.int64))
        self.sums: Tensor
        self.counts: Tensor

    @property
    def frozen(self) -> bool:
        """Whether weights are fixed."""
        return self.found >= self.after

    def due(self) -> bool:
        """Not any more once they are frozen."""
        return not self.frozen and super().due()

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Those of the method inside; once they are frozen, the fixed ones."""
        if not self.frozen:
            weights = self.ask(step)
            self.sums[step.index] += weights / _size(weights)
            self.counts[step.index] += 1
            self.found += 1
            if not self.frozen:
                return weights
            self.held.copy_(self._fixed())  # of absent tasks too
        return self._fixed()[step.index]

    def _fixed(self) -> Float[Tensor, " tasks"]:
        seen = self.counts > 0
        means = self.sums / self.counts.clamp(min=1)
        size = means.abs().sum() / seen.sum().clamp(min=1)
        return torch.where(seen, means / torch.where(size > 0, size, 1.0), 1.0)

    def get_extra_state(self) -> Tensor:
        """The counters, with that of the steps in which weights were found."""
        return torch.cat([super().get_extra_state(), torch.tensor([self.found])])

    def set_extra_state(self, state: Tensor) -> None:
        """Take the counters from :meth:`get_extra_state`."""
        super().set_extra_state(state[:-1])
        self.found = int(state[-1])


def _size(weights: Float[Tensor, " present"]) -> Float[Tensor, ""]:
    """The mean size; 1 where all are zero, as where gradients cancel."""
    size = weights.abs().mean()
    return torch.where(size > 0, size, 1.0)
