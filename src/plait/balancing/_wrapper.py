"""A method around another."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._base import Balancer
from ._inner import Of, inner
from ._places import places
from ._step import Step


class Wrapper(Balancer):
    """A method around another, of which it takes over what that looks at, and where.

    The other is part of it: what it learns and remembers is saved with it, and its steps are
    counted with those of the wrapper. Without more it does what the other does, but for its
    weights, which each wrapper finds by :meth:`ask`.

    Args:
        tasks: The names of the tasks.
        of: The method inside: a name, ``{"name": ..., option: ...}``, a class, or an object that
            was made for the same tasks.

    Raises:
        ConfigError: If there is no such method, or it does not fit.
    """

    HOLDS = False
    """Whether it keeps weights over steps, which a method without weights has no use for."""

    def __init__(self, tasks: Sequence[str], *, of: Of) -> None:
        super().__init__(tasks)
        name = type(self).__name__
        self.inner = inner(name, self.tasks, of)
        if self.inner.lenient:
            raise ConfigError(
                f"`of` of {name} should be a method that looks at the same in each step. "
                f"{type(self.inner).__name__} decides by itself what to look at. Use it alone."
            )
        if self.HOLDS and self.inner.needs == "jacobian":
            raise ConfigError(
                f"`of` of {name} should be a method that finds weights, which it keeps. "
                f"{type(self.inner).__name__} changes the gradient itself. Use that alone."
            )
        self.needs = self.inner.needs
        self.at = self.inner.at
        self.inner.steps = self.steps

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "steps" and "inner" in self._modules:
            self.inner.steps = self.steps  # what is random in it follows from its own

    def ask(self, step: Step) -> Float[Tensor, " present"]:
        """Ask the method inside, and let it remember what it said, as it does when it is alone.

        Args:
            step: What it is to see.
        """
        weights = self.inner.weights(step)
        self.inner.held[step.index] = weights
        self.inner.known = self.inner.known.union(places(step, len(self.tasks)))
        return weights

    def private(self, step: Step) -> Float[Tensor, " present"] | None:
        """As the method inside says."""
        return self.inner.private(step)

    def direction(self, step: Step) -> Float[Tensor, " numbers"] | None:
        """As the method inside says."""
        return self.inner.direction(step)

    def due(self) -> bool:
        """As the method inside says."""
        return self.inner.due()

    def end_step(self) -> None:
        """Tell the method inside."""
        self.inner.end_step()
        super().end_step()  # which sets the counter inside once more, to the same

    def end_epoch(self) -> None:
        """Tell the method inside."""
        self.inner.end_epoch()

    @property
    def sentence(self) -> str:
        """What the method inside says."""
        return self.inner.sentence
