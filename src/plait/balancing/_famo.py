"""Weights that make all losses fall at one rate."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
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
        self.register_buffer("moves", torch.zeros(size, dtype=torch.float64))
        lift = torch.tensor([TINY - low for low in self.least], dtype=torch.float64)
        self.register_buffer("lift", lift, persistent=False)
        self.logits: Tensor
        self.first: Tensor
        self.second: Tensor
        self.before: Tensor
        self.moves: Tensor
        self.lift: Tensor
        self.waiting: frozenset[int] = frozenset()
        """The tasks of the last step, whose fall is still to be read."""

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """What is learned so far, over the losses, with a sum of 1.

        Raises:
            ConfigError: If a loss falls below ``least``.
        """
        there, logs = places(step, len(self.tasks)), self._logs(step)
        if self.amortized:
            self._move(there, logs)
        index = self._index(there)
        self.before[index] = logs
        self.waiting = frozenset(there)
        # In logarithms, since one over a small loss and another over a large one meet here.
        return (self.logits[index] - logs).softmax(0)

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
            index = torch.tensor(list(known), device=numbers.device)
            self._move(list(known), self._logs(Step(numbers, index)))
        self.waiting = frozenset()

    def get_extra_state(self) -> Tensor:
        """The counters, with the tasks of the last step."""
        flags = [int(place in self.waiting) for place in range(len(self.tasks))]
        return torch.cat([super().get_extra_state(), torch.tensor(flags)])

    def set_extra_state(self, state: Tensor) -> None:
        """Take the counters from :meth:`get_extra_state`."""
        size = len(self.tasks)
        super().set_extra_state(state[:-size])
        flags = state[-size:].tolist()
        self.waiting = frozenset(place for place, flag in enumerate(flags) if flag)

    def _logs(self, step: Step) -> Float[Tensor, " present"]:
        """The logarithm of how much each loss is above the least that it could be."""
        above = step.losses + self.lift[self._index(places(step, len(self.tasks)))]
        if not bool(above.min() > 0):
            for place, loss in zip(step.index.tolist(), step.losses.tolist(), strict=True):
                name, least = self.tasks[place], self.least[place]
                if loss + TINY - least <= 0:
                    raise ConfigError(
                        f"The loss of {name!r} should not fall below {least:g} for FAMO, which "
                        f"takes its logarithm. Got {loss:g}. Say how low it can get "
                        f"(`least={{{name!r}: ...}}`), take a loss with a lower bound of zero "
                        "(such as cross-entropy or a squared error), or another method."
                    )
        return above.log()

    def _move(self, there: Sequence[int], logs: Float[Tensor, " present"]) -> None:
        """A step of Adam, for the tasks that were in the step before too."""
        both = [place for place in there if place in self.waiting]
        if len(both) < 2:
            return  # one alone has no balance
        if len(both) < len(there):
            logs = logs[[place for place, task in enumerate(there) if task in self.waiting]]
        index = self._index(both)
        logits, moves = self.logits[index], self.moves[index] + 1
        fall, shares = self.before[index] - logs, logits.softmax(0)
        grad = (fall - shares @ fall).mul_(shares).add_(logits, alpha=self.gamma)
        first = self.first[index].lerp(grad, 1 - FIRST)
        second = (self.second[index] * SECOND).addcmul_(grad, grad, value=1 - SECOND)
        size = (second / (1 - SECOND**moves)).sqrt_().add_(ADAM).mul_(1 - FIRST**moves)
        self.logits[index] = torch.addcdiv(logits, first, size, value=-self.lr)
        self.first[index], self.second[index], self.moves[index] = first, second, moves

    def _index(self, there: Sequence[int]) -> slice | Tensor:
        """Where these tasks stand; all of them need no copy."""
        if len(there) == len(self.tasks):
            return slice(None)
        return torch.tensor(list(there), device=self.logits.device)
