"""One step, as plain functions that a loop of your own can call."""

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from plait._errors import ConfigError, NonFiniteError
from plait.balancing import Balancer, backward
from plait.data import Batch
from plait.modality_balancing import ModalityBalancer
from plait.schema import Schema

from ._memory import out_of_memory
from ._non_finite import Told, refuse_non_finite
from ._shares import Shares
from ._view_losses import counts_of, encoders_of, view_losses
from ._world import World


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
    modality: ModalityBalancer | None = None,
    world: World | None = None,
) -> tuple[dict[str, float], dict[str, float]]:
    """Forward, balance, clip, step.

    Args:
        schema: The fitted schema.
        model: The model, on ``device``.
        batch: The rows, on the processor or on ``device``.
        balancer: What makes one gradient of the losses.
        optimizer: Any optimizer over the model's parameters (and the balancer's). Parameters
            that it does not hold have no part in the norm.
        device: Where to compute.
        clip: The norm that the gradient is cut to.
        accumulate: Into how many parts the batch is cut, to save memory. Each task's loss is
            divided by its labelled rows in the whole batch: the step is the same, however many
            parts there are and wherever labels are missing.
        half: Whether to compute in bfloat16.
        modality: What is done with the losses of single inputs; left out, there are none. The
            model then has to be a :class:`~plait.Model`. :class:`OGMGE` and :class:`MMPareto` look
            at the gradient of each part: with them, parts are not the same step. Nor are they with
            a balancer that looks at losses alone, which then weighs by those of the first part.
        world: The processes that share the step; left out, one. The step is that of all rows.

    Returns:
        The losses as they were before the step, and the weight that the balancer gave each.

    Raises:
        NonFiniteError: If a loss or the gradient is NaN or infinite. The optimizer has not
            stepped; the message names the tasks and the rows.
        ConfigError: If there is no memory for what the optimizer keeps. (Where there is none for
            the rows, PyTorch's own error is raised, before the optimizer steps.)
    """
    optimizer.zero_grad(set_to_none=True)
    told: list[Told] = []
    weights: dict[str, Tensor] = {}
    kind = torch.device(device).type
    # A whole batch divides by its own labels; only the parts of one must be told.
    counts = _counts(batch) if accumulate > 1 else None
    shares = Shares.of(schema, batch, world or World(), device)
    shown = counts_of(batch, modality.views) if modality else {}
    parts = _parts(batch, accumulate)
    totals = None
    if len(parts) > 1 and balancer.needs == "losses" and not balancer.steady and not modality:
        totals = _totals(schema, model, parts, counts, device, half)
    for place, part in enumerate(parts):
        moved = part.to(device, non_blocking=True)
        with torch.autocast(kind, torch.bfloat16) if half else nullcontext():
            seen = model(moved.inputs, views=modality.views) if modality else {}
            outputs = seen[modality.inputs] if modality else model(moved.inputs)
        if modality:
            table = view_losses(schema, seen, moved, shown, modality.TRUSTS)
            losses = dict(table.losses[modality.inputs])
        else:
            losses = shares.filled(task_losses(schema, outputs, moved, counts), outputs)
        told.append((moved, {name: outputs[name].detach() for name in losses}, losses))
        try:
            # Each part has its share of the step's loss, where the balancer takes their mean.
            balance = partial(
                _balanced,
                balancer=balancer,
                place=place,
                parts=len(parts),
                totals=totals,
                counts=shares.counts,
            )
            if modality:
                weights |= modality.backward(table, encoders_of(model), balance)
            else:
                weights |= balance(losses)
        except Exception:
            # A balancer may break on what is not finite: the cause is then told in its place.
            refuse_non_finite(schema, told)
            raise
    own = set(map(id, balancer.parameters()))
    mine = [w for group in optimizer.param_groups for w in group["params"] if id(w) not in own]
    shares.world.average([*mine, *balancer.parameters()])
    losses, given = _checked_step(schema, told, weights, mine, balancer, optimizer, clip)
    return shares.means(losses), given


def _balanced(
    losses: Mapping[str, Tensor],
    balancer: Balancer,
    place: int,
    parts: int,
    totals: Mapping[str, Tensor] | None,
    counts: Mapping[str, int] | None,
) -> dict[str, Tensor]:
    return backward(
        {name: loss * parts for name, loss in losses.items()} if parts > 1 else losses,
        balancer,
        micro=(place, parts),
        exact=parts > 1 and balancer.needs != "losses",
        totals=totals,
        ranks=None if counts is None else "exact",
        counts=counts,
        check=False,  # losses that are not finite are refused before the optimizer steps
    )


@torch.no_grad()
def _totals(
    schema: Schema,
    model: nn.Module,
    parts: Sequence[Batch],
    counts: Mapping[str, int] | None,
    device: str,
    half: bool,
) -> dict[str, Tensor]:
    """The losses of a whole step, where weights follow from them: parts are run once more."""
    total: dict[str, Tensor] = {}
    kind = torch.device(device).type
    for part in parts:
        moved = part.to(device, non_blocking=True)
        with torch.autocast(kind, torch.bfloat16) if half else nullcontext():
            outputs = model(moved.inputs)
        for name, loss in task_losses(schema, outputs, moved, counts).items():
            total[name] = total[name] + loss if name in total else loss
    return total


def _checked_step(
    schema: Schema,
    told: Sequence[Told],
    weights: Mapping[str, Tensor],
    parameters: Sequence[Tensor],
    balancer: Balancer,
    optimizer: torch.optim.Optimizer,
    clip: float,
) -> tuple[dict[str, float], dict[str, float]]:
    total: dict[str, Tensor] = {}
    for _, _, losses in told:
        for name, loss in losses.items():
            total[name] = total.get(name, 0.0) + loss.detach()
    if not total:
        optimizer.step()
        return {}, {}
    norm = get_total_norm([each.grad for each in parameters if each.grad is not None])
    own = get_total_norm(
        [each.grad for each in balancer.parameters() if each.grad is not None], math.inf
    )
    # One question for all, so that a device is waited for once.
    numbers = [*weights.values(), *total.values(), norm, own]
    device = next(iter(total.values())).device
    found = torch.stack([each.float().to(device) for each in numbers]).tolist()
    given, (*values, length, largest) = found[: len(weights)], found[len(weights) :]
    if not all(map(math.isfinite, values)):
        refuse_non_finite(schema, told)
    if not (math.isfinite(length) and math.isfinite(largest)):
        rows = torch.cat([batch.rows for batch, _, _ in told])
        raise NonFiniteError(
            f"The gradient is not finite ({length:g}) although every loss is. No step was taken. "
            f"Rows {rows[:5].tolist()} and {max(0, len(rows) - 5)} more. Lower "
            "`learning_rate`, or look for extreme values in these rows."
        )
    if length + 1e-6 > clip:
        clip_grads_with_norm_(parameters, clip, norm)
    try:
        optimizer.step()
    except RuntimeError as error:
        if out_of_memory(error):
            raise ConfigError(
                "The optimizer should have room for two numbers beside each weight. There is none "
                "on the device. Smaller batches do not help: choose a smaller `width`."
            ) from error
        raise
    return dict(zip(total, values, strict=True)), dict(zip(weights, given, strict=True))


def _counts(batch: Batch) -> dict[str, int]:
    return {name: int(target.mask.sum()) for name, target in batch.targets.items()}


def _parts(batch: Batch, count: int) -> list[Batch]:
    if count == 1:
        return [batch]
    parts = []
    device = next(iter([*batch.inputs.values(), *batch.targets.values()])).mask.device
    for places in torch.arange(len(batch), device=device).tensor_split(min(count, len(batch))):
        inputs = {name: cells.take(places) for name, cells in batch.inputs.items()}
        targets = {name: labels.take(places) for name, labels in batch.targets.items()}
        labelled = {name: labels for name, labels in targets.items() if labels.mask.any()}
        parts.append(Batch(inputs, labelled, batch.rows[places.to(batch.rows.device)]))
    return parts
