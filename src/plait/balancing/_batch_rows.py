"""Which rows of a batch each loss is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Tensor

from plait._errors import ConfigError

from ._row_groups import RowGroups


@dataclass(frozen=True)
class BatchRows:
    """The rows of a batch, each with the number of the one loss that is about it.

    Args:
        ids: The number of the loss for each row; one above the last where none is about it.
        tasks: How many losses there are.
        kept: What was worked out, by the layout of the rows.
    """

    ids: Int[Tensor, " batch"]
    tasks: int
    kept: dict[tuple[int, int], RowGroups] = field(default_factory=dict)

    @classmethod
    def of(
        cls, rows: Mapping[str, Tensor], names: Sequence[str], device: torch.device
    ) -> "BatchRows":
        """From what a user gives.

        Args:
            rows: For each loss, which rows it is about.
            names: The losses that are there, in order.
            device: Where they are.

        Raises:
            ConfigError: If a loss has no rows, they are no booleans of one length, or two losses
                are about one row.
        """
        lacking = [name for name in names if name not in rows]
        if lacking:
            raise ConfigError(
                f"`rows` should say for each loss which rows of the batch it is about. It lacks "
                f"{lacking}. Add a boolean for each row, or leave `rows` out."
            )
        some = [rows[name] for name in names]
        for name, mask in zip(names, some, strict=True):
            if mask.dtype != torch.bool or mask.ndim != 1 or mask.shape != some[0].shape:
                raise ConfigError(
                    "`rows` should have one boolean for each row of the batch, as many for each "
                    f"loss. Got {mask.dtype} of shape {list(mask.shape)} for {name!r}, beside "
                    f"{list(some[0].shape)} for {names[0]!r}. Give `label.isfinite()` or the like."
                )
        table = torch.stack(some).to(device)
        if bool((table.sum(0) > 1).any()):
            twice = int((table.sum(0) > 1).nonzero()[0])
            pair = [
                name for name, there in zip(names, table[:, twice].tolist(), strict=True) if there
            ]
            raise ConfigError(
                f"`rows` is for batches in which one loss alone is about each row. Row {twice} is "
                f"of {pair}. Leave `rows` out: gradients are then found with a pass for each loss."
            )
        count = len(names)
        numbers = torch.arange(count, device=device)
        of = (numbers[:, None] * table).sum(0)
        ids = torch.where(table.any(0), of, count)
        return cls(ids, count)

    def own(self, task: int) -> Int[Tensor, " some"]:
        """The rows that one loss is about.

        Args:
            task: The loss.
        """
        return (self.ids == task).nonzero()[:, 0]

    def groups(self, repeats: int, inner: int) -> RowGroups:
        """How the rows of an activation belong to losses.

        Args:
            repeats: How many rows an activation has for each row of the batch.
            inner: How many of these lie together; all of them where the batch comes first.
        """
        found = self.kept.get((repeats, inner))
        if found is None:
            ids = self.ids
            if repeats > 1:
                ids = ids.repeat_interleave(inner).repeat(repeats // inner)
            found = self.kept[repeats, inner] = RowGroups(ids, self.tasks)
        return found

    def one(self, count: int, task: int) -> RowGroups:
        """Rows that are all of one loss.

        Args:
            count: How many.
            task: The loss.
        """
        found = self.kept.get((-count, task))
        if found is None:
            ids = torch.full((count,), task, device=self.ids.device)
            found = self.kept[-count, task] = RowGroups(ids, self.tasks)
        return found
