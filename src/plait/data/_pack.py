"""A whole table as tensors."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from ._batch import Batch
from ._masked import Masked
from ._packed import Note
from ._ragged import Ragged


@dataclass(frozen=True, eq=False)
class Pack:
    """A table whose columns have each been turned into tensors once.

    A batch is one index per column: ``pack[rows]``.

    Args:
        rows: How many rows there are.
        inputs: The packed inputs by name.
        targets: The packed targets by name, of those columns that the table has.
        notes: What was done to cells on the way.

    Example:
        >>> cells = Masked(torch.arange(3.0), torch.tensor([True, True, False]))
        >>> batch = Pack(3, {"x": cells}, {"y": cells})[torch.tensor([2])]
        >>> batch.inputs["x"].mask, sorted(batch.targets)  # no label in the batch: absent
        (tensor([False]), [])
    """

    rows: int
    inputs: Mapping[str, Masked | Ragged]
    targets: Mapping[str, Masked]
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, rows: Int64[Tensor, " batch"]) -> Batch:
        targets = {name: part.take(rows) for name, part in self.targets.items()}
        return Batch(
            {name: part.take(rows) for name, part in self.inputs.items()},
            {name: part for name, part in targets.items() if part.mask.any()},
            rows,
        )

    def batches(self, size: int) -> Iterator[Batch]:
        """All rows in their order, ``size`` at a time."""
        for rows in torch.arange(self.rows).split(size):
            yield self[rows]
