"""What every way of sharing promises."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, final

from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked


class Sharing(nn.Module, ABC):
    """One vector per row to one vector per row and task.

    Args:
        tasks: The names of the tasks; a task is told from another by its place in them.
        width: Size of a vector, in and out.
    """

    TOKENS: ClassVar[bool] = False
    """Whether this kind looks at the tokens; where not, nobody puts them side by side for it."""

    def __init__(self, tasks: Sequence[str], width: int) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.width = width

    @abstractmethod
    def forward(
        self, features: Float[Tensor, "batch width"], tokens: Masked | None = None
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """Features ``[batch, width]`` for each task, by its name.

        Args:
            features: One vector per row.
            tokens: The tokens of all inputs side by side: ``values`` float
                ``[batch, tokens, width]``, ``mask`` bool ``[batch, tokens]``. A kind that reads
                them says so by ``TOKENS``, and makes do with the features where there are none;
                all others may leave this argument out.
        """

    @final
    def named(
        self, states: Float[Tensor, "tasks batch width"]
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """The slices of a stack, each under the name of its task."""
        return dict(zip(self.tasks, states.unbind(0), strict=True))
