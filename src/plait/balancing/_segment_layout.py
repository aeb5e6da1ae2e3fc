"""How the rows of a batch lie in a gradient, found from where it is zero."""

from math import prod

import torch
from jaxtyping import Int
from torch import Tensor

from ._batch_rows import BatchRows


class Layout:
    """What is seen of one gradient: which loss each of its numbers comes from.

    Args:
        owner: The number of the loss; -1 for none so far.
        mixed: Whether a number came from two losses.
    """

    def __init__(self) -> None:
        self.owner: Tensor | None = None
        self.mixed = False

    def see(self, grad: Tensor, task: int) -> None:
        """Take note of where the gradient of one loss is not zero.

        Args:
            grad: The gradient.
            task: The loss.
        """
        there = grad != 0
        if self.owner is None:
            self.owner = torch.full(grad.shape, -1, dtype=torch.int32, device=grad.device)
        self.mixed |= bool((there & (self.owner >= 0)).any())
        self.owner = self.owner.masked_fill(there, task)

    def stride(self, rows: BatchRows) -> int | None:
        """After how many numbers the next row of the batch begins; None if that is not clear.

        Args:
            rows: The rows of the losses.
        """
        if self.owner is None or self.mixed:
            return None
        shape, batch = self.owner.shape, len(rows.ids)
        found = []
        for axis, size in enumerate(shape):
            if size % batch:
                continue
            inner = prod(shape[axis + 1 :])
            found += [
                inner * part
                for part in range(1, size // batch + 1)
                if size // batch % part == 0 and _fits(self.owner, rows.ids, inner * part)
            ]
        # Two layouts may fit where little is seen, and one of them would be wrong elsewhere.
        return found[0] if len(set(found)) == 1 else None

    def could(self, batch: int) -> bool:
        """Whether the rows of a batch should have shown: one axis is that long.

        Args:
            batch: How many rows there are.
        """
        return self.mixed or (self.owner is not None and batch in self.owner.shape)


def _fits(owner: Int[Tensor, "..."], ids: Int[Tensor, " batch"], stride: int) -> bool:
    seen = owner.reshape(-1, len(ids), stride)
    return bool(((seen < 0) | (seen == ids[:, None])).all())
