"""Rules that look at losses alone."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._base import Balancer
from ._step import Step


class LossBalancer(Balancer):
    """A rule that makes one number of all losses; weights are its derivatives.

    What it learns itself, such as a variance for each task, is a parameter: hand
    ``balancer.parameters()`` to the optimizer too.

    Args:
        tasks: The names of the tasks.
    """

    POSITIVE = False
    """Whether losses have to be above zero."""

    @abstractmethod
    def total(self, step: Step) -> Float[Tensor, ""]:
        """One number of all losses, with a graph.

        Args:
            step: The losses that are there, which ask for gradients.
        """

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The derivative of the total by each loss; those of own parameters go into ``.grad``.

        Raises:
            ConfigError: If a loss is zero or negative and the rule has no answer to that.
        """
        if self.POSITIVE:
            positive(self, step)
        with torch.enable_grad():
            losses = step.losses.detach().requires_grad_()
            self.total(Step(losses, step.index)).backward()
        return losses.new_zeros(len(losses)) if losses.grad is None else losses.grad


def positive(balancer: Balancer, step: Step) -> None:
    """Refuse losses that are not above zero.

    Raises:
        ConfigError: If there is one.
    """
    for place, loss in zip(step.index.tolist(), step.losses.tolist(), strict=True):
        if loss <= 0:
            name = balancer.tasks[place]
            raise ConfigError(
                f"The loss of {name!r} should be above zero for {type(balancer).__name__}, which "
                f"divides by it. Got {loss:g}. Take a loss with a lower bound of zero (such as "
                "cross-entropy or a squared error), add a constant to it, or another method."
            )
