"""What a training step sees of a batch."""

import zlib
from collections.abc import Collection
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from plait.data import Batch, Kept, Masked, noise
from plait.schema import Schema


def augment(
    schema: Schema,
    batch: Batch,
    *,
    seed: int,
    epoch: int,
    input_dropout: float,
    view: Collection[str] | None = None,
) -> Batch:
    """Vary the inputs (pictures are shifted and flipped), and hide some of them.

    All randomness is a function of seed, epoch, row and input: the same row looks the same in the
    same epoch, whichever step, device or process it falls to.

    Args:
        schema: Whose modalities say how they may be varied.
        batch: The rows as they are.
        seed: Of the run.
        epoch: Counted from 0.
        input_dropout: Chance that an input of a row is hidden. A row that has any input keeps at
            least one.
        view: The inputs that the model looks at; left out, all. Only these are hidden, and count.
    """
    varied = {}
    # Cells may lie on a device, and the numbers of their rows beside them or on the processor.
    device = next(iter(batch.inputs.values())).mask.device
    rows = batch.rows.to(device, non_blocking=True)
    for name, part in schema.inputs.items():
        draw = partial(noise, seed + zlib.crc32(name.encode()), epoch, rows)
        cells = batch.inputs[name]
        varied[name] = cells if isinstance(cells, Kept) else part.augment(cells, draw)
    may = {n: part.HIDE for n, part in schema.inputs.items() if view is None or n in view}
    if input_dropout and len(may) > 1 and any(may.values()):
        chance = torch.tensor(list(may.values())).to(device, non_blocking=True) * input_dropout
        seen = {name: varied[name] for name in may}
        varied |= _hide(seen, noise(seed + 1, epoch, rows, len(seen)), chance)
    return Batch(varied, batch.targets, batch.rows)


def _hide(inputs: dict[str, Masked], draws: Tensor, chance: Tensor) -> dict[str, Masked]:
    present = torch.stack([cells.present for cells in inputs.values()], 1)
    shown = draws >= chance
    # Where nothing would be left, the input with the highest draw among those that are there is.
    bare = ~(present & shown).any(1, keepdim=True)
    highest = draws.masked_fill(~present, -1.0).argmax(1, keepdim=True)
    shown |= torch.zeros_like(shown).scatter(1, highest, True) & bare
    return {
        name: replace(cells, mask=cells.mask & shown[:, i].view(-1, *[1] * (cells.mask.ndim - 1)))
        for i, (name, cells) in enumerate(inputs.items())
    }
