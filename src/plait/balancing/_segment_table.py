"""The gradients of all tasks, as rows of numbers or as the factors of products."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._ghost import Ghost
from ._grads import add, add_flat
from ._numbers import inner, precision
from ._row_groups import RowGroups
from ._work import Work

FEW = 4096


class SegmentTable:
    """Where the gradients of shared weights are put: for each weight a matrix, a row for each loss.

    The matrix of a weight lies in one piece, so that it is still in the cache of a processor when
    its inner products are taken. Those of small weights lie side by side, as one.

    Args:
        work: The room for them.
        tasks: How many losses there are.
        leaves: The weights.
        like: A tensor where they are, should there be none.
        whole: Whether all weights lie side by side, as rules want it that look at all numbers.
    """

    def __init__(
        self, work: Work, tasks: int, leaves: Sequence[Tensor], like: Tensor, whole: bool = False
    ) -> None:
        self.small = [leaf for leaf in leaves if whole or leaf.numel() < FEW]
        self.large = [] if whole else [leaf for leaf in leaves if leaf.numel() >= FEW]
        sizes = [leaf.numel() for leaf in self.small]
        width = sum(sizes)
        numbers = width + sum(leaf.numel() for leaf in self.large)
        room = work.room(tasks, 0, numbers, like, precision([like, *leaves])).view(-1)
        self.rows: Float[Tensor, "tasks small"] = room[: tasks * width].view(tasks, width)
        self.blocks = {
            id(leaf): part.view(tasks, *leaf.shape)
            for leaf, part in zip(self.small, self.rows.split(sizes, 1), strict=True)
        }
        begin = tasks * width
        for leaf in self.large:
            end = begin + tasks * leaf.numel()
            self.blocks[id(leaf)] = room[begin:end].view(tasks, *leaf.shape)
            begin = end
        self.fresh = set(self.blocks)
        self.ghosts: list[Ghost] = []
        self.products: dict[int, Tensor] = {}

    def take(self, leaf: Tensor) -> tuple[Tensor, bool]:
        """The matrix of one weight, and whether nothing is in it so far; then something is.

        Args:
            leaf: The weight.
        """
        fresh = id(leaf) in self.fresh
        self.fresh.discard(id(leaf))
        return self.blocks[id(leaf)], fresh

    def add(self, leaf: Tensor, grads: Tensor) -> None:
        """Add the gradients of all losses for one weight.

        Args:
            leaf: The weight.
            grads: The gradient of each loss, in any shape of as many numbers.
        """
        block, fresh = self.take(leaf)
        grads = grads.reshape(block.shape)
        block.copy_(grads) if fresh else block.add_(grads)

    def sum(self, leaf: Tensor, rows: Float[Tensor, "rows width"], groups: RowGroups) -> None:
        """Add the sums of rows, those of each loss apart; of half precision in float32.

        Args:
            leaf: The weight.
            rows: What is added up, as wide as the weight is large.
            groups: The loss of each row.
        """
        block, fresh = self.take(leaf)
        if rows.dtype.itemsize < 4:
            rows = rows.float()
        mask = groups.mask(rows.dtype)
        if fresh and rows.dtype == block.dtype:
            torch.mm(mask, rows, out=block.flatten(1))
        else:
            found = (mask @ rows).view(block.shape)
            block.copy_(found) if fresh else block.add_(found)

    def done(self, leaf: Tensor) -> None:
        """Take the inner products of one large weight, to which nothing will be added.

        Args:
            leaf: The weight.
        """
        block = self.blocks[id(leaf)]
        if leaf.numel() >= FEW and self.large:
            self.products[id(leaf)] = inner(block.flatten(1))

    def close(self) -> None:
        """Write zeros where nothing was."""
        for place in self.fresh:
            self.blocks[place].zero_()
        self.fresh = set()

    def gramian(self) -> Float[Tensor, "tasks tasks"]:
        """The inner products of all."""
        found = inner(self.rows)
        for leaf in self.large:
            known = self.products.get(id(leaf))
            found += inner(self.blocks[id(leaf)].flatten(1)) if known is None else known
        for ghost in self.ghosts:
            found += ghost.gramian()
        return found

    def spread(self, weights: Float[Tensor, " tasks"], direction: Tensor | None) -> None:
        """Add the weighted gradient into ``.grad``.

        Args:
            weights: Of the losses.
            direction: What is added instead at all weights that lie side by side.
        """
        share = weights.to(self.rows.device, self.rows.dtype)
        if self.small:
            add_flat(self.small, share @ self.rows if direction is None else direction)
        mixed = [share @ self.blocks[id(leaf)].flatten(1) for leaf in self.large]
        mixed = [grad.view(leaf.shape) for grad, leaf in zip(mixed, self.large, strict=True)]
        add(self.large, mixed)
        add([ghost.leaf for ghost in self.ghosts], [ghost.mix(weights) for ghost in self.ghosts])
