"""Preferences between tasks, for methods that have none."""

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._inner import Of
from ._options import per_task
from ._rescaled import Rescaled
from ._step import Step


class Prefer(Rescaled):
    """Multiply losses by preferences before a method sees them.

    Use it to say which task matters more to a method that weighs by itself, and has no such option.
    A task's own weights follow the multiplied loss too. Not around ``Log``, ``Geometric``,
    ``Uncertainty``, ``FAMO``, ``NashMTL``, ``IMTLG`` and others that do not see by what a loss is
    multiplied: they undo it.

    Args:
        tasks: The names of the tasks.
        weights: The preference of each task; one that is not named has 1.
        of: The method inside; see :class:`Wrapper`.

    Raises:
        ConfigError: If a preference is not above zero, or of no task.

    Source:
        None: losses are multiplied, as in any weighted sum. Methods that look at gradients leave
        a step with one task alone, here too.

    Example:
        >>> import torch
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> balancer = Prefer(["a", "b"], weights={"a": 3.0}, of="UPGrad")
        >>> weights = balancer.backward({"a": 2 * w[0], "b": 2 * w[1]})
        >>> w.grad
        tensor([3., 1.])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        weights: Mapping[str, float] | None = None,
        of: Of = "UPGrad",
    ) -> None:
        super().__init__(tasks, of=of)
        self.factors = per_task(tasks, "Prefer", "weights", weights or {}, 1.0)
        for name, factor in zip(self.tasks, self.factors, strict=True):
            if not factor:
                raise ConfigError(
                    f"`weights` of Prefer should be above 0 for {name!r}. Got 0. Leave the loss of "
                    "a task that should not count out of the step."
                )

    def seen(self, step: Step) -> tuple[Float[Tensor, " present"], Float[Tensor, " present"]]:
        """The losses times the preferences, and these."""
        factors = step.losses.new_tensor(self.factors)[step.index]
        return step.losses * factors, factors
