"""One step, as plain functions that a loop of your own can call."""

from collections.abc import Mapping
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from plait._errors import NonFiniteError
from plait.balancing import Balancer
from plait.data import Batch
from plait.schema import Schema


def task_losses(
    schema: Schema,
    outputs: Mapping[str, Tensor],
    batch: Batch,
    counts: Mapping[str, int] | None = None,
) -> dict[str, Tensor]:
    """The loss of each task that has a label in the batch, times the task's weight.

    Args:
        schema: Whose tasks they are.
        outputs: What the model gave for the batch.
        batch: The same rows' labels.
        counts: The labelled rows of the whole step by task, where the batch is a part of it.

    Example:
        >>> from plait import Model
        >>> table = {"age": [30, 40, None], "bought": [True, None, False]}
        >>> schema = Schema.infer(table, targets=["bought"]).fit(table)
        >>> batch = schema.pack(table)[torch.arange(3)]
        >>> sorted(task_losses(schema, Model(schema, width=8)(batch.inputs), batch))
        ['bought']
    """
    losses = {}
    for name, target in batch.targets.items():
        task = schema.tasks[name]
        count = None if counts is None else counts[name]
        losses[name] = task.weight * task.loss(outputs[name].float(), target, count)
    return losses


def train_step(
    schema: Schema,
    model: nn.Module,
    batch: Batch,
    balancer: Balancer,
    optimizer: torch.optim.Optimizer,
    *,
    device: str = "cpu",
    clip: float = 1.0,
    accumulate: int = 1,
    half: bool = False,
) -> tuple[dict[str, float], dict[str, float]]:
    """Forward, balance, clip, step.

    Args:
        schema: The fitted schema.
        model: The model, on ``device``.
        batch: The rows, on the processor.
        balancer: What makes one gradient of the losses.
        optimizer: Any optimizer over the model's parameters (and the balancer's).
        device: Where to compute.
        clip: The norm that the gradient is cut to.
        accumulate: Into how many parts the batch is cut, to save memory. Each task's loss is
            divided by its labelled rows in the whole batch: the step is the same, however many
            parts there are and wherever labels are missing.
        half: Whether to compute in bfloat16.

    Returns:
        The losses as they were before the step, and the weight that the balancer gave each.

    Raises:
        NonFiniteError: If a loss or the gradient is NaN or infinite. The optimizer has not
            stepped; the message names the tasks and the rows.
    """
    optimizer.zero_grad(set_to_none=True)
    kind = torch.device(device).type
    counts = {name: int(target.mask.sum()) for name, target in batch.targets.items()}
    total: dict[str, Tensor] = {}
    weights: dict[str, float] = {}
    for part in _parts(batch, accumulate):
        moved = part.to(device, non_blocking=True)
        with torch.autocast(kind, torch.bfloat16) if half else nullcontext():
            outputs = model(moved.inputs)
        losses = task_losses(schema, outputs, moved, counts)
        _refuse_non_finite(schema, losses, outputs, moved)
        weights |= balancer.backward(losses)
        for name, loss in losses.items():
            total[name] = total.get(name, 0.0) + loss.detach()
    norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
    own = [each.grad for each in balancer.parameters() if each.grad is not None]
    if not (torch.isfinite(norm) and all(grad.isfinite().all() for grad in own)):
        raise NonFiniteError(
            f"The gradient is not finite ({norm:g}) although every loss is. No step was taken. "
            f"Rows {batch.rows[:5].tolist()} and {max(0, len(batch) - 5)} more. Lower "
            "`learning_rate`, or look for extreme values in these rows."
        )
    optimizer.step()
    # One transfer for all losses, and not one each.
    values = torch.stack(list(total.values())).tolist() if total else []
    return dict(zip(total, values, strict=True)), weights


def _parts(batch: Batch, count: int) -> list[Batch]:
    if count == 1:
        return [batch]
    parts = []
    for places in torch.arange(len(batch)).tensor_split(min(count, len(batch))):
        inputs = {name: cells.take(places) for name, cells in batch.inputs.items()}
        targets = {name: labels.take(places) for name, labels in batch.targets.items()}
        labelled = {name: labels for name, labels in targets.items() if labels.mask.any()}
        parts.append(Batch(inputs, labelled, batch.rows[places]))
    return parts


def _refuse_non_finite(
    schema: Schema, losses: Mapping[str, Tensor], outputs: Mapping[str, Tensor], batch: Batch
) -> None:
    if not losses or torch.stack(list(losses.values())).isfinite().all():
        return
    told = []
    for name, loss in losses.items():
        if not torch.isfinite(loss):
            there = batch.targets[name].mask.nonzero()[:, 0]
            truth, guess = batch.targets[name].take(there), outputs[name].float()[there]
            errors = schema.tasks[name].errors(guess, truth.values)
            wrong = ~errors.isfinite()
            if not wrong.any():  # each is finite, and their sum is not: the largest make it so
                wrong = errors >= errors.max() / 2
            rows = batch.rows[there[wrong].cpu()].tolist()
            told.append(f"task {name!r}, {len(rows)} rows of the training table: {rows[:5]}")
    raise NonFiniteError(
        f"A loss is not finite: {'; '.join(told)}. No step was taken. Look at these rows for "
        "extreme values, or lower `learning_rate`."
    )
