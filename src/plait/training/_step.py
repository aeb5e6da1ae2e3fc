"""One step, as plain functions that a loop of your own can call."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from plait.balancing import Balancer, backward
from plait.data import Batch
from plait.modality_balancing import ModalityBalancer
from plait.schema import Schema

from ._checked import checked_step
from ._cut import counts_of, cut
from ._non_finite import Told, refuse_non_finite
from ._sharding import resharded
from ._shares import Shares
from ._spare import Spare
from ._view_losses import counts_of as shown_counts, encoders_of, view_losses
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
    spare: Spare | None = None,
    over: Sequence[Tensor] | None = None,
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
        spare: What a process takes along where it lacks an input that others have in the step.
        over: The weights that tasks share, where each process holds a part of them (FSDP2).

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
    counts = counts_of(batch) if accumulate > 1 else None
    world = world or World()
    cuts = cut(batch, accumulate, exactly=world.size > 1)
    shares = Shares.of(schema, cuts, world, device, spare)
    shown = shown_counts(batch, modality.views) if modality else {}
    parts = shares.parts
    totals = None
    if len(parts) > 1 and balancer.needs == "losses" and not balancer.steady and not modality:
        totals = _totals(schema, model, shares, counts, half)
    for place, part in enumerate(parts):
        moved = part.to(device, non_blocking=True)
        with torch.autocast(kind, torch.bfloat16) if half else nullcontext():
            seen = model(moved.inputs, views=modality.views) if modality else {}
            outputs = seen[modality.inputs] if modality else model(moved.inputs)
        if modality:
            table = view_losses(schema, seen, moved, shown, modality.TRUSTS)
            losses = dict(table.losses[modality.inputs])
        else:
            losses = shares.filled(task_losses(schema, outputs, moved, counts), outputs, totals)
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
                over=over,
            )
            if modality:
                weights |= modality.backward(table, encoders_of(model), balance)
            else:
                weights |= balance(losses)
        except Exception:
            # A balancer may break on what is not finite: the cause is then told in its place.
            refuse_non_finite(schema, told)
            raise
    resharded(model)
    own = set(map(id, balancer.parameters()))
    mine = [w for group in optimizer.param_groups for w in group["params"] if id(w) not in own]
    world.average([*mine, *balancer.parameters()])
    return checked_step(schema, told, weights, mine, balancer, optimizer, clip, shares)


def _balanced(
    losses: Mapping[str, Tensor],
    balancer: Balancer,
    place: int,
    parts: int,
    totals: Mapping[str, Tensor] | None,
    counts: Mapping[str, int] | None,
    over: Sequence[Tensor] | None,
) -> dict[str, Tensor]:
    # Where nobody has a label there is nothing to compare, and nobody to wait for.
    compares, several = balancer.needs != "losses", bool(counts)
    sharded = compares and several and over is not None
    # A rule that changes the gradient itself needs that of all processes in one place.
    whole = parts > 1 or (several and balancer.needs == "jacobian")
    return backward(
        {name: loss * parts for name, loss in losses.items()} if parts > 1 else losses,
        balancer,
        over=over if sharded else None,
        micro=(place, parts),
        exact=compares and whole and not sharded,
        totals=totals,
        ranks="off" if not several else "sharded" if sharded else "exact",
        counts=counts if several else None,
        check=False,  # losses that are not finite are refused before the optimizer steps
    )


@torch.no_grad()
def _totals(
    schema: Schema,
    model: nn.Module,
    shares: Shares,
    counts: Mapping[str, int] | None,
    half: bool,
) -> dict[str, Tensor]:
    """The losses of a whole step, where weights follow from them: parts are run once more."""
    total: dict[str, Tensor] = {}
    kind = torch.device(shares.device).type
    for part in shares.parts:
        moved = part.to(shares.device, non_blocking=True)
        with torch.autocast(kind, torch.bfloat16) if half else nullcontext():
            outputs = model(moved.inputs)
        found = shares.filled(task_losses(schema, outputs, moved, counts), outputs)
        for name, loss in found.items():
            total[name] = total[name] + loss if name in total else loss
    if shares.counts is None:
        return total
    means = shares.means({name: loss.item() for name, loss in total.items()})
    return {name: loss.new_tensor(means[name]) for name, loss in total.items()}
