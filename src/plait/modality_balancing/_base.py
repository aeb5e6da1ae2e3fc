"""What every way of balancing inputs promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn

from ._step import View, ViewLosses

Balance = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
"""From one loss per task to gradients, as a :class:`~plait.balancing.Balancer` does it; returns
the weight of each task."""
Encoders = Mapping[str, Sequence[nn.Parameter]]
"""The weights of each input's encoder that are trained."""


class ModalityBalancer(nn.Module, ABC):
    """Losses of single inputs beside that of all of them together, to one gradient.

    Of inputs that learn at different speeds the fastest soon explains the labels, and the others
    are left where they were. Each leaf has its own remedy; all of them look at the answers that the
    same model gives from one input alone. Tasks are balanced as ever, by ``balance``.

    Like a balancer it adds into ``.grad`` and does nothing else.

    Args:
        inputs: The names of the inputs.
        tasks: The names of the tasks.
    """

    TRUSTS: ClassVar[bool] = False
    """Whether :meth:`backward` looks at :attr:`ViewLosses.trust`."""

    def __init__(self, inputs: Sequence[str], tasks: Sequence[str]) -> None:
        super().__init__()
        self.inputs, self.tasks = tuple(inputs), tuple(tasks)

    @property
    def views(self) -> tuple[View, ...]:
        """All inputs together, and each alone; where there is just one, that one."""
        alone = [(name,) for name in self.inputs]
        return tuple(dict.fromkeys([self.inputs, *alone]))

    @abstractmethod
    def backward(self, step: ViewLosses, encoders: Encoders, balance: Balance) -> dict[str, Tensor]:
        """Add the gradient of a step into ``.grad``.

        Args:
            step: The losses by view and task.
            encoders: The weights of each input's encoder.
            balance: What makes one gradient of one loss per task.

        Returns:
            The weight that each task was given.
        """

    def due(self, epoch: int) -> bool:
        """Whether :meth:`observe` wants to be told after so many epochs; a leaf may never want it.

        Args:
            epoch: How many epochs are done; 0 before the first.
        """
        return False

    def observe(
        self,
        epoch: int,
        train: Mapping[View, Mapping[str, float]],
        valid: Mapping[View, Mapping[str, float]],
    ) -> None:
        """Take note of the losses on training and validation rows; a leaf may do without.

        Args:
            epoch: How many epochs are done.
            train: For each view and task the loss on training rows, as in an answer.
            valid: Likewise on validation rows.
        """
        return
