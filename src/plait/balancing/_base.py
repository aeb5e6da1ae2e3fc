"""What every balancer promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from plait._errors import suggestion


class Balancer(nn.Module, ABC):
    """Several task losses to one gradient for each parameter.

    A balancer is a module, so that what it learns and remembers is saved with a run. It adds into
    ``.grad`` and does nothing else: clipping, scalers and any optimizer work as ever.

    Args:
        tasks: The names of the tasks.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)

    @abstractmethod
    def backward(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Add the balanced gradient into ``.grad`` of everything that the losses depend on.

        Args:
            losses: A scalar for each task that has a label in this step. One that is left out is
                absent: it pulls at nothing.

        Returns:
            The weight that each of these tasks was given.
        """

    def check(self, losses: Mapping[str, Tensor]) -> None:
        """Refuse losses of tasks that are not balanced here.

        Raises:
            ValueError: If there is one.
        """
        for name in losses:
            if name not in self.tasks:
                raise ValueError(
                    f"{type(self).__name__} balances the tasks {list(self.tasks)}. Got a loss for "
                    f"{name!r}.{suggestion(name, self.tasks)}"
                )
