"""How good a model is on rows that it was not trained on."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from plait._errors import NonFiniteError
from plait.data import Pack
from plait.schema import Schema

from ._outputs import outputs
from ._world import World


def scores(
    schema: Schema,
    model: nn.Module,
    valid: Pack,
    device: str = "cpu",
    world: World | None = None,
    *,
    half: bool = False,
) -> dict[str, float]:
    """The score of each task that has a label: 1 is perfect, 0 knows nothing of the row.

    Args:
        schema: Whose tasks they are.
        model: A :class:`~plait.Model`, on ``device``.
        valid: The rows.
        device: Where to compute.
        world: The processes that share the rows; each finds the scores of all of them.
        half: Whether to compute in bfloat16.

    Raises:
        NonFiniteError: If an output is NaN or infinite; the message names the rows.
    """
    raw = _outputs(schema, model, valid, device, world or World(), half)
    for name, output in raw.items():
        strange = (~output.isfinite()).any(1).nonzero()[:, 0]
        if len(strange):
            raise NonFiniteError(
                f"The output of task {name!r} is not finite for {len(strange)} rows of the "
                f"validation table: {strange[:5].tolist()}. Nothing is kept. Look at these "
                "rows for extreme values, or lower `learning_rate`."
            )
    return {
        name: schema.tasks[name].score(raw[name], target)
        for name, target in valid.targets.items()
        if target.mask.any()
    }


def _outputs(
    schema: Schema, model: nn.Module, valid: Pack, device: str, world: World, half: bool
) -> dict[str, Tensor]:
    if world.size == 1:
        return outputs(model, valid, device=device, half=half)
    count = len(valid)
    start, stop = (count * at // world.size for at in (world.rank, world.rank + 1))
    found = {name: torch.zeros(count, task.outputs) for name, task in schema.tasks.items()}
    if start < stop:
        mine = replace(valid.slice(start, stop), maps=valid.maps)
        for name, output in outputs(model, mine, device=device, half=half).items():
            found[name][start:stop] = output
    # Each row is that of one process, and zero in all others.
    return {name: world.sum(output) for name, output in found.items()}
