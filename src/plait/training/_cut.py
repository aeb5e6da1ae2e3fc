"""A batch in several parts that share one step."""

from collections.abc import Mapping

import torch

from plait.data import Batch


def counts_of(batch: Batch) -> Mapping[str, int]:
    """The labelled rows of each task."""
    return {name: int(target.mask.sum()) for name, target in batch.targets.items()}


def cut(batch: Batch, count: int, *, exactly: bool = False) -> list[Batch]:
    """The parts of a batch, in order, as even as may be.

    Args:
        batch: The rows.
        count: How many parts.
        exactly: Whether there are so many even where rows are fewer; the last are then empty.
    """
    if count == 1:
        return [batch]
    parts = []
    device = next(iter([*batch.inputs.values(), *batch.targets.values()])).mask.device
    count = count if exactly else min(count, len(batch))
    for places in torch.arange(len(batch), device=device).tensor_split(count):
        inputs = {name: cells.take(places) for name, cells in batch.inputs.items()}
        targets = {name: labels.take(places) for name, labels in batch.targets.items()}
        labelled = {name: labels for name, labels in targets.items() if labels.mask.any()}
        parts.append(Batch(inputs, labelled, batch.rows[places.to(batch.rows.device)]))
    return parts
