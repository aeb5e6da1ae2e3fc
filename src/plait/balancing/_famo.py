"""Weights that make all losses fall at one rate."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait._errors import ConfigError, suggestion

from ._base import Balancer
from ._options import number, per_task
from ._places import places
from ._step import Step

TINY, FIRST, SECOND, ADAM = 1e-8, 0.9, 0.999, 1e-8


class FAMO(Balancer):
    """Let the logarithms of all losses fall at one rate, at the price of a plain step.

    Use it first of all methods that balance, above all with many tasks or different units: in the
    published tables it is beside the methods that look at gradients, and it costs nothing. Not for
    losses that can be negative; not for a few dozen steps, since weights move by about ``lr`` in
    each.

    Args:
        tasks: The names of the tasks.
        lr: Of the optimizer of its own that moves the weights.
        gamma: By how much weights are pulled back to equal ones.
        least: The least that each loss could be, which is taken away from it; one that is not named
            has 0.
        amortized: Whether the fall of a loss is read from the next step, that is on another batch.
            Without it, a loop calls :meth:`observe` after the optimizer's step, with the losses of
            the same batch: as published, for one more pass forward.

    Raises:
        ConfigError: If an option does not fit; while training, if a loss falls below ``least``.

    Source:
        Liu et al., *FAMO: Fast Adaptive Multitask Optimization*, NeurIPS 2023, arXiv 2306.03792,
        algorithm 1, with the 1e-8 that the authors' code adds to each loss. ``gamma`` is that of
        the paper (the code has 1e-5). Ours: the reading from the next step, in the noise of two
        batches; counters of the optimizer for each task; and only tasks that are in both of the
        steps compared, two at least, move.

    Example:
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> balancer = FAMO(["fast", "slow"])
        >>> for fast in (4.0, 1.0):
        ...     weights = balancer.backward({"fast": fast * w, "slow": 1 * w})
        >>> float(weights["slow"]) > float(weights["fast"])
        True
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        lr: float = 0.025,
        gamma: float = 1e-3,
        least: Mapping[str, float] | None = None,
        amortized: bool = True,
    ) -> None:
        super().__init__(tasks)
        self.lr = number("FAMO", "lr", lr, 0.0)
        self.gamma = number("FAMO", "gamma", gamma, 0.0)
        self.least = per_task(tasks, "FAMO", "least", least or {}, 0.0, float("-inf"))
        self.amortized = amortized
        size = len(self.tasks)
        for name in ("logits", "first", "second", "before"):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))
        self.register_buffer("moves", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("waiting", torch.zeros(size, dtype=torch.bool))
        self.logits: Tensor
        self.first: Tensor
        self.second: Tensor
        self.before: Tensor
        self.moves: Tensor
        self.waiting: Tensor

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """What is learned so far, over the losses, with a sum of 1.

        Raises:
            ConfigError: If a loss falls below ``least``.
        """
        above = self._above(step)
        if self.amortized:
            self._move(step.index, above)
        self.before[step.index] = above
        self.waiting.zero_()
        self.waiting[step.index] = True
        # In logarithms, since one over a small loss and another over a large one meet here.
        return (self.logits[step.index] - above.log()).softmax(0)

    @torch.no_grad()
    def observe(self, losses: Mapping[str, Tensor]) -> None:
        """Take note of the losses of the last step's batch, after the optimizer's step.

        Args:
            losses: A scalar for each task; of others nothing is learned, and not of one that is
                not finite.

        Raises:
            ConfigError: If it is read from the next step anyway, or a loss falls below ``least``.
            ValueError: If a task is not one of these.
        """
        if self.amortized:
            raise ConfigError(
                "FAMO reads the fall of losses from the next step, and should not be told of it "
                "too. Build it with `amortized=False` to call `observe`."
            )
        for name in losses:
            if name not in self.tasks:
                raise ValueError(
                    f"FAMO balances the tasks {list(self.tasks)}. Got a loss for {name!r}."
                    f"{suggestion(name, self.tasks)}"
                )
        known = {
            place: float(losses[name])
            for place, name in enumerate(self.tasks)
            if name in losses and bool(losses[name].isfinite().all())
        }
        if known:
            numbers = self.before.new_tensor(list(known.values()))
            step = Step(numbers, torch.tensor(list(known), device=numbers.device))
            self._move(step.index, self._above(step))
        self.waiting.zero_()

    def _above(self, step: Step) -> Float[Tensor, " present"]:
        """By how much each loss is above the least that it could be."""
        above = step.losses - step.losses.new_tensor(self.least)[step.index] + TINY
        for place, value in zip(places(step, len(self.tasks)), above.tolist(), strict=True):
            if value <= 0:
                name, least = self.tasks[place], self.least[place]
                raise ConfigError(
                    f"The loss of {name!r} should not fall below {least:g} for FAMO, which takes "
                    f"its logarithm. Got {value + least:g}. Say how low it can get "
                    f"(`least={{{name!r}: ...}}`), take a loss with a lower bound of zero (such as "
                    "cross-entropy or a squared error), or another method."
                )
        return above

    def _move(self, index: Int[Tensor, " present"], above: Float[Tensor, " present"]) -> None:
        """A step of Adam, for the tasks that were in the step before too."""
        both: Bool[Tensor, " present"] = self.waiting[index]
        both = both & (both.sum() > 1)
        logits = self.logits[index]
        fall = torch.where(both, self.before[index].log() - above.log(), 0.0)
        # Without a task in both, the softmax is of nothing: it is of all then, and not used.
        shares = torch.where(both | ~both.any(), logits, -torch.inf).softmax(0)
        grad = shares * (fall - shares @ fall) + self.gamma * logits
        moves = self.moves[index] + 1
        first = self.first[index].lerp(grad, 1 - FIRST)
        second = SECOND * self.second[index] + (1 - SECOND) * grad.square()
        count = moves.double()  # a number to the power of whole ones would be single
        size = (second / (1 - SECOND**count)).sqrt() + ADAM
        moved = logits - self.lr * first / (1 - FIRST**count) / size
        for kept, new in (
            (self.logits, moved),
            (self.first, first),
            (self.second, second),
            (self.moves, moves),
        ):
            kept[index] = torch.where(both, new, kept[index])
