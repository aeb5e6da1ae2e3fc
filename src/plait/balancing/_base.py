"""What every balancer promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait._errors import ConfigError

from ._check import check
from ._report import Report
from ._step import Step
from ._work import Work

Needs = Literal["losses", "gramian", "jacobian"]
At = Literal["losses", "features", "shared", "auto"]


class Balancer(nn.Module, ABC):
    """Several task losses to one gradient for each parameter.

    A balancer is a module, so that what it learns and remembers is saved with a run. It adds into
    ``.grad`` and does nothing else: clipping, scalers and any optimizer work as ever. Inside, it
    is a rule from the numbers of a step to one weight for each task; all that is expensive is done
    by :func:`backward`.

    Args:
        tasks: The names of the tasks.

    Raises:
        ConfigError: If there is no task, or one stands twice.
    """

    needs: Needs = "losses"
    """What the rule looks at: the losses, the inner products of the tasks' gradients, or the
    gradients themselves."""
    at: At = "losses"
    """Where gradients are looked at, unless :func:`backward` is told otherwise."""
    lenient = False
    """Whether the rule finds out by itself what to look at: choices of how gradients are compared
    are then taken, and go unused where it looks at losses alone."""

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        if not tasks or len(set(tasks)) < len(tasks):
            raise ConfigError(
                f"{type(self).__name__} should have at least one task, each of a name of its own. "
                f"Got {list(tasks)}."
            )
        self.tasks = tuple(tasks)
        self.register_buffer("held", torch.zeros(len(tasks), dtype=torch.float64))
        self.register_buffer("skipped", torch.zeros(len(tasks), dtype=torch.int64))
        self.held: Tensor
        self.skipped: Tensor
        self.steps = 0
        """How many steps were taken; with a seed, all that is random follows from it."""
        self.known: frozenset[int] = frozenset()
        """The tasks that were weighed before."""
        self.last: Report | None = None
        """What the last step in which weights were found was made of; others leave it as it is."""
        self.work = Work()

    steady: bool = False
    """Whether weights do not follow from the losses of the step."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "backward" in vars(cls):
            raise TypeError(
                f"{cls.__name__} should say how tasks are weighed, in `weights` (or `total`, of a "
                "`LossBalancer`), and leave `backward` as it is: trainings call the function "
                "`plait.balancing.backward`, which also knows parts of a step and processes."
            )

    @abstractmethod
    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The weight of each task that is there, without a graph.

        Args:
            step: What is known of the step; of absent tasks nothing is, and what is remembered of
                them must not change.
        """

    def private(self, step: Step) -> Float[Tensor, " present"] | None:
        """What a task's own weights are pulled by; None where that is one.

        Methods that look at gradients weigh only what is shared. It is called for them alone, after
        :meth:`weights`, or without it where weights are held: it goes by losses and by what is
        remembered.

        Args:
            step: What is known of the step; where weights are held, without gradients.
        """
        return None

    def direction(self, step: Step) -> Float[Tensor, " numbers"] | None:
        """The shared gradient itself, of a method that is no weighted sum; None for all others.

        It is called after :meth:`weights`.

        Args:
            step: What is known of the step, with the gradients.
        """
        return None

    def due(self) -> bool:
        """Whether weights are to be found anew in this step; if not, those held are taken."""
        return True

    def end_step(self) -> None:
        """Take note that a step is over; the engine calls it after the last part of each."""
        self.steps += 1

    def end_epoch(self) -> None:
        """Take note that an epoch is over; most have no use for it."""
        return

    @property
    def sentence(self) -> str:
        """What was decided and why, of a balancer that decides; nothing of all others."""
        return ""

    @final
    def backward(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Add the balanced gradient into ``.grad`` of everything that the losses depend on.

        The same as :func:`backward` with nothing else said.

        Args:
            losses: A scalar for each task that has a label in this step. One that is left out is
                absent: it pulls at nothing.

        Returns:
            The weight that each of these tasks was given.
        """
        from ._backward import backward  # it is written in terms of this class

        return backward(losses, self)

    def get_extra_state(self) -> Tensor:
        """The counters, as a tensor: a state that is all tensors is safe to read."""
        known = [int(place in self.known) for place in range(len(self.tasks))]
        return torch.tensor([self.steps, *known])

    def set_extra_state(self, state: Tensor) -> None:
        """Take the counters from :meth:`get_extra_state`."""
        steps, *known = state.tolist()
        self.steps = steps
        self.known = frozenset(place for place, flag in enumerate(known) if flag)

    def check(self, losses: Mapping[str, Tensor]) -> None:
        """Refuse losses that cannot be balanced here.

        Raises:
            ValueError: If a task is not one of these, or a loss is no scalar or has no graph.
        """
        check(type(self).__name__, self.tasks, losses)
