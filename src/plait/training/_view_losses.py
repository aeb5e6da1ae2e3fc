"""Losses of several views of a batch."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from plait._model import Model, View
from plait.data import Batch, Masked, Pack
from plait.modality_balancing import ViewLosses
from plait.schema import Schema

Counts = Mapping[View, Mapping[str, int]]


def counts_of(batch: Batch, views: tuple[View, ...]) -> Counts:
    """How many rows of a batch teach each task in each view; tasks that none does are left out.

    A row counts where it has the label and something that the view shows; all rows do where the
    view shows everything.
    """
    found = {
        (view, name): (target.mask & _shown(batch, view, views)).sum()
        for view in views
        for name, target in batch.targets.items()
    }
    # One question for all, so that a device is waited for once.
    numbers = torch.stack(list(found.values())).tolist() if found else []
    counts: dict[View, dict[str, int]] = {view: {} for view in views}
    for (view, name), number in zip(found, numbers, strict=True):
        if number:
            counts[view][name] = int(number)
    return counts


def view_losses(
    schema: Schema,
    outputs: Mapping[View, Mapping[str, Tensor]],
    batch: Batch,
    counts: Counts,
    trust: bool = False,
) -> ViewLosses:
    """The loss of each task in each view, times the task's weight.

    Args:
        schema: Whose tasks they are.
        outputs: What the model gave for each view of the batch.
        batch: The same rows' inputs and labels.
        counts: By how many rows each loss is divided: those of the whole step, where the batch is
            a part of it.
        trust: Whether :attr:`ViewLosses.trust` is wanted.
    """
    losses: dict[View, dict[str, Tensor]] = {}
    trusts: dict[View, dict[str, Tensor]] = {}
    # A part of a batch may have no row of a view, though the whole of it has.
    here = counts_of(batch, tuple(outputs)) if trust else {}
    for view, seen in outputs.items():
        shown = _shown(batch, view, tuple(outputs))
        losses[view], trusts[view] = {}, {}
        for name, count in counts[view].items():
            if name not in batch.targets:
                continue
            task, target = schema.tasks[name], batch.targets[name]
            target = Masked(target.values, target.mask & shown)
            losses[view][name] = task.weight * task.loss(seen[name].float(), target, count)
            if trust and name in here[view]:
                hole = ~target.mask.view(-1, *[1] * (target.values.ndim - 1))
                values = target.values.masked_fill(hole, 0)
                errors = task.errors(seen[name].detach().float(), values)
                sure = (-errors).exp().masked_fill(~target.mask, 0)
                trusts[view][name] = sure.sum() / here[view][name]
    return ViewLosses(losses, trusts)


@torch.no_grad()
def losses_on(
    schema: Schema, model: Model, pack: Pack, views: tuple[View, ...], device: str, size: int = 1024
) -> dict[View, dict[str, float]]:
    """The mean loss of each task in each view over a whole pack, as in an answer.

    Args:
        schema: Whose tasks they are.
        model: The model, on ``device``; its mode is put back as it was.
        pack: The rows.
        views: What is shown of them.
        device: Where to compute.
        size: Rows at a time.
    """
    sums: dict[View, dict[str, float]] = {view: {} for view in views}
    rows: dict[View, dict[str, int]] = {view: {} for view in views}
    training = model.training
    model.eval()
    try:
        for some in torch.arange(len(pack)).split(size):
            batch = pack[some].to(device)
            counts = counts_of(batch, views)
            table = view_losses(schema, model(batch.inputs, views=views), batch, counts)
            for view, losses in table.losses.items():
                for name, loss in losses.items():
                    count = counts[view][name]
                    sums[view][name] = sums[view].get(name, 0.0) + float(loss) * count
                    rows[view][name] = rows[view].get(name, 0) + count
    finally:
        model.train(training)
    return {
        view: {name: total / rows[view][name] for name, total in found.items()}
        for view, found in sums.items()
    }


def encoders_of(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The trained weights that each input has of its own; the model may be a compiled one."""
    inputs, short = model.inputs, model.short
    assert isinstance(inputs, tuple), "views are those of a plait.Model"
    assert isinstance(short, tuple), "views are those of a plait.Model"
    parts: dict[str, list[nn.Module]] = {name: [] for name in inputs}
    for names, modules in ((inputs, model.encoders), (short, model.shortcuts)):
        assert isinstance(modules, nn.ModuleList), "views are those of a plait.Model"
        for name, module in zip(names, modules, strict=True):
            parts[name].append(module)
    return {
        name: [each for part in some for each in part.parameters() if each.requires_grad]
        for name, some in parts.items()
    }


def _shown(batch: Batch, view: View, views: tuple[View, ...]) -> Bool[Tensor, " batch"]:
    present = torch.stack([cells.present for cells in batch.inputs.values()])
    if len(view) == max(map(len, views)):  # a row with nothing has an answer to learn, too
        return torch.ones_like(present[0])
    shown = [name in view for name in batch.inputs]
    return present[torch.tensor(shown)].any(0)
