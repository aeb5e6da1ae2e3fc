"""What is gathered of a step that comes in several parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ._numbers import line


@dataclass
class Window:
    """The gradients of the parts of one step, until the last of them.

    What is shared shows only at the end: a part may have labels of one task alone.

    Args:
        grads: For each task the gradient of each weight that it reached, summed over the parts.
        losses: The loss of each task over the whole step.
    """

    grads: dict[int, dict[Tensor, Tensor]] = field(default_factory=dict)
    losses: dict[int, Tensor] = field(default_factory=dict)

    def take(self, task: int, loss: Tensor, grads: Mapping[Tensor, Tensor]) -> None:
        """Add what a part gives of a task.

        Args:
            task: Its place among the balancer's.
            loss: Its share of the task's loss.
            grads: The gradient of each weight that it reaches.
        """
        kept = self.grads.setdefault(task, {})
        self.losses[task] = self.losses[task] + loss if task in self.losses else loss
        for leaf, grad in grads.items():
            kept[leaf] = kept[leaf] + grad if leaf in kept else grad

    @property
    def tasks(self) -> list[int]:
        """The tasks that were there, in order."""
        return sorted(self.grads)

    @property
    def shared(self) -> list[Tensor]:
        """The weights that two tasks or more have reached."""
        seen: dict[Tensor, int] = {}
        for kept in self.grads.values():
            for leaf in kept:
                seen[leaf] = seen.get(leaf, 0) + 1
        return [leaf for leaf, count in seen.items() if count > 1]

    def rows(self, out: Float[Tensor, "tasks numbers"]) -> Float[Tensor, "tasks numbers"]:
        """The gradient of what is shared, a row for each task.

        Args:
            out: Where they go.
        """
        for row, task in zip(out, self.tasks, strict=True):
            kept = self.grads[task]
            torch.cat(
                [
                    line(kept[leaf] if leaf in kept else torch.zeros_like(leaf))
                    for leaf in self.shared
                ],
                out=row,
            )
        return out

    def own(self, task: int) -> dict[Tensor, Tensor]:
        """The gradients of what no other task reaches."""
        shared = {id(leaf) for leaf in self.shared}
        return {leaf: grad for leaf, grad in self.grads[task].items() if id(leaf) not in shared}
