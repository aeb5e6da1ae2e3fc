"""What every way of sharing promises."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn


class Sharing(nn.Module, ABC):
    """One vector per row to one vector per row and task.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out.
    """

    def __init__(self, tasks: Sequence[str], width: int) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.width = width

    @abstractmethod
    def forward(
        self, features: Float[Tensor, "batch width"]
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """Features ``[batch, width]`` for each task, by its name."""
