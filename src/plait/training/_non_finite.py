"""Who is to blame for a loss that is no number."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from plait._errors import NonFiniteError
from plait.data import Batch
from plait.schema import Schema

from ._sharding import local
from ._world import World

Told = tuple[Batch, Mapping[str, Tensor], Mapping[str, Tensor]]
"""The rows of a part, the raw outputs for them, and the losses of its tasks."""


def refuse_non_finite(schema: Schema, told: Sequence[Told]) -> None:
    """Name the tasks whose losses are not finite, and the rows that make them so.

    Args:
        schema: Whose tasks they are.
        told: The parts of one step.

    Raises:
        NonFiniteError: If the sum over the parts of a task's losses is NaN or infinite.
    """
    found = []
    for name in dict.fromkeys(name for _, _, losses in told for name in losses):
        parts = [each for each in told if name in each[2]]
        total = torch.stack([losses[name].detach() for _, _, losses in parts]).sum()
        if not total.isfinite():
            rows, errors = _errors(schema, name, parts)
            if not len(errors):
                continue
            wrong = ~errors.isfinite()
            if not wrong.any():  # each is finite, and their sum is not: the largest make it so
                wrong = errors >= errors.max() / 2
            bad = rows[wrong].tolist()
            found.append(f"task {name!r}, {len(bad)} rows of the training table: {bad[:5]}")
    if found:
        raise NonFiniteError(
            f"A loss is not finite: {'; '.join(found)}. No step was taken. Look at these rows for "
            "extreme values, or lower `learning_rate`."
        )


def refuse_weights(weights: Mapping[str, Tensor], world: World) -> None:
    """Check weights that are about to be kept.

    Args:
        weights: By name; of sharded ones, the part of this process is looked at.
        world: The processes, all of which are told.

    Raises:
        NonFiniteError: If one is NaN or infinite.
    """
    if not weights:
        return
    mine = torch.stack([local(weight).isfinite().all() for weight in weights.values()])
    strange = world.most([float(not fine) for fine in mine.tolist()])
    for name, wrong in zip(weights, strange, strict=True):
        if wrong:
            raise NonFiniteError(
                f"The weight {name!r} is not finite, although every gradient was. It is not "
                "kept. Lower `learning_rate` or `weight_decay`."
            )


def _errors(schema: Schema, name: str, told: Sequence[Told]) -> tuple[Tensor, Tensor]:
    rows, errors = [], []
    # A part may have no label of the task, and a loss of no row.
    for batch, outputs, _ in (each for each in told if name in each[0].targets):
        there = batch.targets[name].mask.nonzero()[:, 0]
        truth, guess = batch.targets[name].take(there), outputs[name].float()[there]
        errors.append(schema.tasks[name].errors(guess, truth.values).cpu())
        rows.append(batch.rows[there.to(batch.rows.device)].cpu())
    if not rows:
        return torch.zeros(0), torch.zeros(0)
    return torch.cat(rows), torch.cat(errors)
