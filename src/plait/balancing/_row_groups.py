"""The rows of an activation, by the loss they belong to."""

from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor


class RowGroups:
    """Rows of an activation or of its gradient, grouped by losses.

    Args:
        ids: The loss of each row; one above the last for none.
        tasks: How many losses there are.
    """

    def __init__(self, ids: Int[Tensor, " rows"], tasks: int) -> None:
        self.ids, self.tasks = ids, tasks
        self.hot: dict[torch.dtype, Tensor] = {}

    @cached_property
    def bounds(self) -> Sequence[tuple[int, int]]:
        """Where the rows of each loss begin and end, once they are sorted."""
        ends = torch.bincount(self.ids, minlength=self.tasks).cumsum(0).tolist()
        return list(zip([0, *ends], ends[: self.tasks], strict=False))

    @cached_property
    def order(self) -> Int[Tensor, " rows"] | None:
        """The order that sorts them; None if they are."""
        if bool((self.ids[1:] >= self.ids[:-1]).all()):
            return None
        return self.ids.argsort(stable=True)

    @property
    def even(self) -> int:
        """How many rows each loss has, if that is one number and all rows are of some loss."""
        sizes = {end - begin for begin, end in self.bounds}
        size = sizes.pop()
        return size if not sizes and size * self.tasks == len(self.ids) else 0

    def sort(self, rows: Tensor) -> Tensor:
        """The same rows, those of each loss together.

        Args:
            rows: An activation, rows first.
        """
        return rows if self.order is None else rows.index_select(0, self.order)

    def mask(self, dtype: torch.dtype) -> Float[Tensor, "tasks rows"]:
        """A one where a row is of a loss.

        Args:
            dtype: Of the ones.
        """
        if dtype not in self.hot:
            numbers = torch.arange(self.tasks, device=self.ids.device)
            self.hot[dtype] = (numbers[:, None] == self.ids).to(dtype)
        return self.hot[dtype]

    def weigh(self, weights: Float[Tensor, " tasks"]) -> Float[Tensor, "rows 1"]:
        """The weight of each row; rows of no loss have none.

        Args:
            weights: Of the losses.
        """
        return torch.cat([weights, weights.new_zeros(1)])[self.ids, None]
