"""A method that sees its losses multiplied."""

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor

from ._step import Step
from ._wrapper import Wrapper


class Rescaled(Wrapper):
    """Let a method see other losses than there are, and chain its weights back.

    Of each task a method sees a function of the loss. Its gradient is a multiple of that of the
    loss; so are the inner products, and the gradients themselves.
    """

    @abstractmethod
    def seen(self, step: Step) -> tuple[Float[Tensor, " present"], Float[Tensor, " present"]]:
        """The losses that the method sees, and their derivatives by those that there are.

        Args:
            step: What is known of the step.
        """

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Those of the method inside, for the losses that there are."""
        changed, factors = self._changed(step)
        return factors * self.ask(changed)

    def private(self, step: Step) -> Float[Tensor, " present"] | None:
        """A task's own weights follow the loss that the method sees."""
        if len(step.index) == 1:
            return None  # alone, a task has its plain gradient
        changed, factors = self._changed(step)
        inner = self.inner.private(changed)
        return factors if inner is None else factors * inner

    def direction(self, step: Step) -> Float[Tensor, " numbers"] | None:
        """As the method inside says, of the gradients that it sees."""
        return self.inner.direction(self._changed(step)[0])

    def _changed(self, step: Step) -> tuple[Step, Float[Tensor, " present"]]:
        losses, factors = self.seen(step)
        gramian = step.gramian
        if gramian is not None:
            gramian = factors[:, None] * gramian * factors
        rows = step.rows
        if rows is not None:
            rows = factors.to(rows)[:, None] * rows
        return Step(losses, step.index, gramian, rows), factors
