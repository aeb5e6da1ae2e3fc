"""Rows that a process takes along where it lacks what others have."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plait.data import Batch, Kept, Masked, Pack

SOME = 65_536


@dataclass(frozen=True)
class Spare:
    """For each input one row that has it, to be taken along without its labels.

    Processes that train together have to run the same parts of a model: where gradients are
    compared or weights are sharded, each waits for the others there. A step in which one of
    them has no row with a photo would run its encoder in the others alone. A row without a label
    is in no loss, so that what it takes is time and not truth.

    Args:
        rows: The row, by input, with all its other inputs hidden; an input that no row has is not
            in it.
        nothing: A row of which nothing is shown.

    Example:
        >>> cells = {"x": Masked(torch.tensor([0.0, 7.0]), torch.tensor([False, True]))}
        >>> spare = Spare.of(Pack(2, cells, {"y": cells["x"]}))
        >>> whole = spare.added(Pack(2, cells, {"y": cells["x"]})[torch.tensor([0])], ["x"])
        >>> whole.inputs["x"].values.tolist(), whole.targets
        ([0.0, 7.0], {})
    """

    rows: Mapping[str, Batch]
    nothing: Batch

    @classmethod
    def of(cls, pack: Pack) -> "Spare":
        """The first row of a pack that has each input."""
        rows = {}
        for name in pack.inputs:
            for start in range(0, len(pack), SOME):
                part = pack.slice(start, min(start + SOME, len(pack)))
                there = part.inputs[name].present.nonzero()
                if len(there):
                    rows[name] = _alone(part[there[0].cpu()], name)
                    break
        # A process without any row, in a step of rows that have nothing, takes one like them.
        return cls(rows, _alone(pack[torch.zeros(1, dtype=torch.long)]))

    def added(self, batch: Batch, lacking: Collection[str]) -> Batch:
        """A batch, and behind it a row for each input that it lacks.

        Args:
            batch: The rows of this process.
            lacking: The inputs that are wanted.
        """
        more = [self.rows[name] for name in lacking if name in self.rows]
        if not more and not len(batch):
            more = [self.nothing]
        if not more:
            return batch
        inputs = {
            name: _end_to_end([cells, *(each.inputs[name] for each in more)])
            for name, cells in batch.inputs.items()
        }
        targets = {name: _blank(labels, len(more)) for name, labels in batch.targets.items()}
        rows = [each.rows.to(batch.rows.device) for each in more]
        return Batch(inputs, targets, torch.cat([batch.rows, *rows]))

    @property
    def all(self) -> Batch | None:
        """A batch in which every input is there; None where there is no row."""
        first = next(iter(self.rows), None)
        if first is None:
            return None
        return self.added(self.rows[first], [name for name in self.rows if name != first])


def _alone(batch: Batch, name: str | None = None) -> Batch:
    """A row with one input shown: what else it has, others may lack."""
    inputs = {
        each: cells if each == name else replace(cells, mask=torch.zeros_like(cells.mask))
        for each, cells in batch.inputs.items()
    }
    return Batch(inputs, {}, batch.rows)


def _end_to_end(parts: Sequence[Masked]) -> Masked:
    """Rows of several batches, each padded as its own longest row wanted it."""
    device = parts[0].mask.device
    values = _padded([part.values for part in parts], device)
    found = Masked(values, _padded([part.mask for part in parts], device))
    if isinstance(parts[0], Kept):
        sources = [part.source for part in parts if isinstance(part, Kept)]
        whole = [each for each in sources if each is not None]
        return Kept(found.values, found.mask, _end_to_end(whole) if whole else None)
    return found


def _padded(parts: Sequence[Tensor], device: torch.device) -> Tensor:
    shape = [max(part.shape[at] for part in parts) for at in range(1, parts[0].ndim)]
    whole = parts[0].new_zeros(sum(map(len, parts)), *shape)
    first = 0
    for part in parts:
        whole[(slice(first, first + len(part)), *map(slice, part.shape[1:]))] = part.to(device)
        first += len(part)
    return whole


def _blank(labels: Masked, count: int) -> Masked:
    values = labels.values.new_zeros(count, *labels.values.shape[1:])
    mask = labels.mask.new_zeros(count, *labels.mask.shape[1:])
    return Masked(torch.cat([labels.values, values]), torch.cat([labels.mask, mask]))
