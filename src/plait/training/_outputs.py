"""A model over a whole pack."""

from contextlib import nullcontext

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from plait.data import Pack

from ._memory import out_of_memory


@torch.no_grad()
def outputs(
    model: nn.Module, pack: Pack, *, device: str = "cpu", size: int = 1024, half: bool = False
) -> dict[str, Tensor]:
    """The raw outputs of every row, in order, on the processor.

    Args:
        model: A :class:`~plait.Model`; its mode is put back as it was.
        pack: The rows.
        device: Where to compute.
        size: Rows at a time.
        half: Whether to compute in bfloat16.
    """
    training = model.training
    if any(each.training for each in model.modules()):  # to set them takes a while for one row
        model.eval()
    # Texts of like length side by side need little padding. Files are read from front to back.
    lengths = None if pack.maps else pack.lengths
    order = torch.arange(len(pack)) if lengths is None else lengths.cpu().argsort(stable=True)
    kind = torch.device(device).type
    context = torch.autocast(kind, torch.bfloat16) if half else nullcontext()
    try:
        with context:
            parts = [each for rows in order.split(size) for each in _run(model, pack, rows, device)]
    finally:
        if training:
            model.train()
    found = {name: torch.cat([part[name].float().cpu() for part in parts]) for name in parts[0]}
    if lengths is None:
        return found
    back = order.argsort()
    return {name: output[back] for name, output in found.items()}


def _run(
    model: nn.Module, pack: Pack, rows: Int64[Tensor, " rows"], device: str
) -> list[dict[str, Tensor]]:
    try:
        return [model(pack[rows].to(device).inputs)]
    except (RuntimeError, MemoryError) as error:
        if len(rows) == 1 or not out_of_memory(error):
            raise
    # Out of the handler, so that what the error holds on to is free again.
    halves = rows.tensor_split(2)
    return [each for half in halves for each in _run(model, pack, half, device)]
