"""What every task type promises, and the one masked loss."""

from abc import ABC, abstractmethod
from dataclasses import field
from typing import Annotated, final

import pyarrow as pa
from jaxtyping import Float
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from plait._errors import DataError, NotFittedError
from plait.data import Masked, Packed, Table

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
Weight = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, config=STRICT)
class Task(ABC):
    """A target column, and what is to be done with it.

    A task is a value. :meth:`fit` returns a new one that knows what it has to know of the training
    labels; nothing is changed in place. A row without a label is not there: it has no say in any
    loss, gradient, statistic or score.

    Args:
        column: The target's column; left out, the one that bears the task's own name.
        weight: How much the task's loss counts beside the others.
    """

    column: str = field(default="", kw_only=True)
    weight: Weight = field(default=1.0, kw_only=True)

    @abstractmethod
    def fit(self, table: Table) -> "Task":
        """A copy that knows what it has to know of the training labels."""

    @abstractmethod
    def pack(self, table: Table) -> Packed:
        """Labels as tensors; a row without one is false in the mask."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers the head gives for each row."""

    @abstractmethod
    def start(self) -> Float[Tensor, " outputs"]:
        """The best output that knows nothing of the row: where a head's bias begins."""

    @abstractmethod
    def errors(self, output: Tensor, values: Tensor) -> Float[Tensor, " batch"]:
        """One error per row, from ``output [batch, outputs]`` and the packed labels."""

    @abstractmethod
    def decode(self, output: Float[Tensor, "rows outputs"]) -> dict[str, pa.Array]:
        """Answers in the user's units: the names of columns, and their cells."""

    @abstractmethod
    def metrics(self, output: Float[Tensor, "rows outputs"], target: Masked) -> dict[str, float]:
        """Scores over the labelled rows, by scikit-learn's names, the most telling first."""

    @abstractmethod
    def score(self, output: Float[Tensor, "rows outputs"], target: Masked) -> float:
        """One number that ranks models: 1 for perfect answers, 0 for knowing nothing of the row."""

    @final
    def loss(self, output: Tensor, target: Masked, count: int | None = None) -> Float[Tensor, ""]:
        """The mean error of the labelled rows; zero, with a gradient of zero, if there are none.

        Args:
            output: What the head gave, float ``[batch, outputs]``.
            target: The packed labels of the same rows.
            count: By how many labelled rows to divide, when this batch is only a part of those
                that make one step.
        """
        # Mask before and after: a hole must not reach the error, for zero times NaN is NaN.
        hole = ~target.mask.view(-1, *[1] * (target.values.ndim - 1))
        errors = self.errors(output, target.values.masked_fill(hole, 0))
        total = errors.masked_fill(~target.mask, 0).sum()
        return total / (target.mask.sum().clamp(min=1) if count is None else count)

    @final
    def head(self, width: int) -> nn.Module:
        """A module from features ``[batch, width]`` to outputs ``[batch, outputs]``."""
        head = nn.Linear(width, self.outputs)
        nn.init.normal_(head.weight, std=0.01)
        head.bias.data.copy_(self.start())
        return head

    @final
    def unfitted(self) -> NotFittedError:
        """The error for one that has not seen a table."""
        return NotFittedError(
            f"{type(self).__name__}({self.column!r}) has not seen a table yet: call "
            "`schema.fit(table)` first and use what it returns."
        )

    @final
    def unlabeled(self) -> DataError:
        """The error for a target whose column is empty."""
        return DataError(
            f"The target {self.column!r} should have labels. Found none: every cell is empty or "
            "unreadable. Fill some, or leave the target out."
        )


def skill(task: Task, output: Float[Tensor, "rows outputs"], target: Masked) -> float:
    """The share of a task's loss, against always giving :meth:`Task.start`, that is gone."""
    truth, guess = target.take(target.mask.nonzero()[:, 0]), output[target.mask]
    blind = task.loss(task.start().to(guess).expand_as(guess), truth)
    # Without a label that could be told, knowing nothing is as good as it gets.
    return float(1 - task.loss(guess, truth) / blind) if blind > 1e-12 else 0.0
