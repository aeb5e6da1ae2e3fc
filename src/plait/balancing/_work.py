"""Room for gradients that is used again in each step."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ._proof import Proof
from ._window import Window


@dataclass
class Work:
    """Scratch memory of a balancer: no part of its state, and never copied with it.

    Args:
        rows: The room for the rows of the last step.
        window: What was gathered of a step that comes in several parts.
        shared: What was shared when all tasks were last there.
        found: The step in which weights were found, while its parts come in.
        proofs: What holds for graphs of a structure, where rows of the batch are kept apart.
        fallback: Why the rows of the batch were not kept apart in this step.
    """

    rows: Tensor | None = None
    window: Window | None = None
    shared: list[Tensor] | None = None
    found: int | None = None
    proofs: dict[Hashable, Proof] = field(default_factory=dict)
    fallback: str = ""

    def room(
        self, tasks: int, numbers: int, like: Tensor, dtype: torch.dtype
    ) -> Float[Tensor, "tasks numbers"]:
        """A matrix with anything in it; the one of the step before where it fits.

        Args:
            tasks: Its rows.
            numbers: Its columns.
            like: A tensor on the same device.
            dtype: Of its numbers.
        """
        rows = self.rows
        if (
            rows is None
            or rows.shape[1] != numbers
            or len(rows) < tasks
            or rows.dtype != dtype
            or rows.device != like.device
        ):
            self.rows = rows = torch.empty(tasks, numbers, dtype=dtype, device=like.device)
        return rows[:tasks]

    def __deepcopy__(self, memo: dict) -> "Work":
        return Work()

    def __getstate__(self) -> dict:
        return vars(Work())
