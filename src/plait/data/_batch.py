"""What one step sees."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from ._masked import Masked


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows of a table, as tensors: inputs and targets by name.

    A task of which no row in the batch has a label is not among the targets: it is absent, not
    zero.

    Args:
        inputs: One :class:`Masked` for each input.
        targets: One :class:`Masked` for each task with a label in the batch.
        rows: Where these rows stand in the table, int64 ``[batch]``.
    """

    inputs: Mapping[str, Masked]
    targets: Mapping[str, Masked]
    rows: Int64[Tensor, " batch"]

    def __len__(self) -> int:
        return self.rows.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        """The same, on another device."""
        return Batch(
            {name: part.to(device, non_blocking) for name, part in self.inputs.items()},
            {name: part.to(device, non_blocking) for name, part in self.targets.items()},
            self.rows,
        )

    def pin_memory(self) -> "Batch":
        """The same in memory that a GPU can read by itself, so that a copy need not be waited for.

        It takes a machine with such a device.
        """
        return Batch(
            {name: part.pin_memory() for name, part in self.inputs.items()},
            {name: part.pin_memory() for name, part in self.targets.items()},
            self.rows,
        )
