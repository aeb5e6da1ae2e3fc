"""How many processes can train together here."""

import os
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist

from ._errors import ConfigError
from .training import Training
from .training._world import on_gpus


def check_devices(size: Any, training: Training) -> None:
    """Refuse a number of processes that this one cannot start.

    Args:
        size: How many processes train together, this one among them.
        training: The choices of the loop, for the device.

    Raises:
        ConfigError: If it is no such number, there are not as many devices, or this process is one
            of several already.

    Example:
        >>> check_devices(0, Training())
        Traceback (most recent call last):
        ...
        plait._errors.ConfigError: `devices` should be a number of processes from 1 on. Got 0.
    """
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ConfigError(f"`devices` should be a number of processes from 1 on. Got {size!r}.")
    if size == 1:
        return
    if not dist.is_available():
        raise ConfigError("`devices` above 1 needs a PyTorch with torch.distributed.")
    if dist.is_initialized() or os.environ.get("WORLD_SIZE", "1") != "1":
        raise ConfigError(
            f"`devices={size}` starts processes from a single one. This is one of several that a "
            "launcher has started. Leave `devices` out: they train together anyway."
        )
    if on_gpus(training.device) and size > torch.cuda.device_count():
        raise ConfigError(
            f"`devices` should be at most the number of CUDA GPUs, which is "
            f'{torch.cuda.device_count()}. Got {size}. Take fewer, or the processor: device="cpu" '
            "in `training`."
        )
    chosen = replace(training, batch_size=None).resolve(rows=1).device
    if chosen not in ("cpu", "cuda"):
        raise ConfigError(
            "Several processes train on the processor or on CUDA GPUs. `training.device` is "
            f'{chosen!r}. Give "cpu" or "cuda", or leave `devices` out.'
        )
