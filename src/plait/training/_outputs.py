"""A model over a whole pack."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from plait.data import Pack


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
    kind = torch.device(device).type
    context = torch.autocast(kind, torch.bfloat16) if half else nullcontext()
    try:
        with context:
            parts = [model(batch.to(device).inputs) for batch in pack.batches(size)]
    finally:
        if training:
            model.train()
    return {name: torch.cat([part[name].float().cpu() for part in parts]) for name in parts[0]}
