"""Room for gradients that is used again in each step."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ._proof import Proof
from ._window import Window

MOST = 64


@dataclass
class Work:
    """Scratch memory of a balancer: no part of its state, and never copied with it.

    Args:
        rows: The room for the rows of the last step, by a number of the caller's.
        window: What was gathered of a step that comes in several parts.
        shared: What was shared when all tasks were last there.
        found: The step in which weights were found, while its parts come in.
        constants: Small tensors that most steps need.
        proofs: What holds for graphs of a structure, where rows of the batch are kept apart.
        fallback: Why the rows of the batch were not kept apart in this step.
    """

    rows: dict[int, Tensor] = field(default_factory=dict)
    window: Window | None = None
    shared: list[Tensor] | None = None
    found: int | None = None
    constants: dict[tuple, Tensor] = field(default_factory=dict)
    proofs: dict[Hashable, Proof] = field(default_factory=dict)
    fallback: str = ""

    def constant(
        self, values: float | tuple[int, ...], device: torch.device, dtype: torch.dtype
    ) -> Tensor:
        """A tensor of numbers that are the same in most steps; it must not be changed.

        Args:
            values: The numbers, or one of no axis.
            device: Where it is to be.
            dtype: Of its numbers.
        """
        key = values, device, dtype
        found = self.constants.get(key)
        if found is None:
            if len(self.constants) > MOST:
                self.constants.clear()
            made = list(values) if isinstance(values, tuple) else values
            self.constants[key] = found = torch.tensor(made, dtype=dtype, device=device)
        return found

    def room(
        self, tasks: int, place: int, numbers: int, like: Tensor, dtype: torch.dtype
    ) -> Float[Tensor, "tasks numbers"]:
        """A matrix with anything in it; the one of the step before where it fits.

        Args:
            tasks: Its rows.
            place: Which of several it is.
            numbers: Its columns.
            like: A tensor on the same device.
            dtype: Of its numbers.
        """
        rows = self.rows.get(place)
        if (
            rows is None
            or rows.shape[1] != numbers
            or len(rows) < tasks
            or rows.dtype != dtype
            or rows.device != like.device
        ):
            self.rows[place] = rows = torch.empty(tasks, numbers, dtype=dtype, device=like.device)
        return rows[:tasks]

    def __deepcopy__(self, memo: dict) -> "Work":
        return Work()

    def __getstate__(self) -> dict:
        return vars(Work())
