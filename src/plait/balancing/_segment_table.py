"""The gradients of all tasks, as rows of numbers or as the factors of products."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._ghost import Ghost
from ._numbers import precision
from ._work import Work

WIDE = 1024


class SegmentTable:
    """Where the gradients of shared weights are put: a row for each loss.

    Args:
        work: The room for them.
        tasks: How many losses there are.
        leaves: The weights that have columns in it.
    """

    def __init__(self, work: Work, tasks: int, leaves: Sequence[Tensor]) -> None:
        self.leaves = list(leaves)
        sizes = [leaf.numel() for leaf in leaves]
        like = leaves[0] if leaves else torch.empty(0)
        self.rows = work.room(tasks, sum(sizes), like, precision(leaves))
        self.places: dict[int, tuple[int, Tensor]] = {}
        self.fresh = {id(leaf) for leaf in leaves}
        begin = 0
        for leaf, size in zip(leaves, sizes, strict=True):
            self.places[id(leaf)] = begin, leaf
            begin += size
        self.ghosts: list[Ghost] = []

    def block(self, leaf: Tensor) -> Tensor:
        """The rows of one weight, in its shape.

        Args:
            leaf: The weight.
        """
        begin, _ = self.places[id(leaf)]
        part = self.rows[:, begin : begin + leaf.numel()]
        return part.view(len(part), *leaf.shape)

    def take(self, leaf: Tensor) -> tuple[Tensor, bool]:
        """The rows of one weight, and whether nothing is in them so far; then something is.

        Args:
            leaf: The weight.
        """
        fresh = id(leaf) in self.fresh
        self.fresh.discard(id(leaf))
        return self.block(leaf), fresh

    def add(self, leaf: Tensor, grads: Tensor) -> None:
        """Add the gradients of all losses for one weight.

        Args:
            leaf: The weight.
            grads: The gradient of each loss, in any shape of as many numbers.
        """
        block, fresh = self.take(leaf)
        grads = grads.reshape(block.shape)
        block.copy_(grads) if fresh else block.add_(grads)

    def close(self) -> None:
        """Write zeros where nothing was."""
        for leaf in self.leaves:
            if id(leaf) in self.fresh:
                self.block(leaf).zero_()
        self.fresh = set()

    def gramian(self) -> Float[Tensor, "tasks tasks"]:
        """The inner products of all."""
        rows = self.rows
        numbers = rows.shape[1]
        whole = numbers // WIDE if rows.device.type == "cpu" else 0
        if whole < 2:
            found = (rows @ rows.T).double()
        else:
            # A processor multiplies few long rows faster in pieces.
            end = whole * WIDE
            parts = rows[:, :end].view(len(rows), whole, WIDE).transpose(0, 1)
            found = torch.bmm(parts, parts.transpose(1, 2)).double().sum(0)
            if end < numbers:
                found += (rows[:, end:] @ rows[:, end:].T).double()
        for ghost in self.ghosts:
            found += ghost.gramian()
        return found
