"""Rules that look at gradients."""

from collections.abc import Sequence
from typing import Literal

from plait._errors import ConfigError

from ._base import Balancer


class GradientBalancer(Balancer):
    """A rule that looks at the inner products of the tasks' gradients.

    Args:
        tasks: The names of the tasks.
        at: Where gradients are compared: at all ``"shared"`` weights, with a backward pass for
            each task, or at the ``"features"`` that all heads begin with, with one.

    Raises:
        ConfigError: If it is neither.
    """

    needs = "gramian"

    def __init__(
        self, tasks: Sequence[str], *, at: Literal["shared", "features"] = "shared"
    ) -> None:
        super().__init__(tasks)
        if at not in ("shared", "features"):
            raise ConfigError(
                f'`at` of {type(self).__name__} should be "shared" or "features". Got {at!r}.'
            )
        self.at = at
