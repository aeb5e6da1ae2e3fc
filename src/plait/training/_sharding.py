"""Weights of which each process holds a part: PyTorch's FSDP2."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from plait._errors import ConfigError

LARGE = 1_000_000
"""Weights from which on a block is gathered by itself, just before it is needed."""


def sharded(tensor: Tensor) -> bool:
    """Whether a tensor is one of which each process holds a part."""
    # The module is slow to import; without it there is no such tensor.
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that this process holds; all of one that is not sharded."""
    held: Any = tensor
    return held.to_local() if sharded(tensor) else tensor


def full(tensor: Tensor) -> Tensor:
    """All of a tensor, for which all processes have to ask."""
    held: Any = tensor
    return held.full_tensor() if sharded(tensor) else tensor


def shard(model: nn.Module, device: str, *, often: bool = False) -> None:
    """Let each process hold an equal part of every weight, in place.

    What is small is gathered together, for each step. A block of a pretrained encoder that has a
    million weights or more is gathered when it is run, and let go of behind it.

    Args:
        model: On its device, the same in all processes.
        device: Which it is.
        often: Whether a step goes backward several times. What is gathered together is then kept
            from one time to the next, until :func:`resharded`.

    Raises:
        ConfigError: If this PyTorch has no FSDP2.
    """
    try:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
    except ImportError as error:
        raise ConfigError(
            f'`training.strategy="fsdp"` should find FSDP2 in PyTorch. {torch.__version__} has '
            'none. Install a newer one, or take "ddp".'
        ) from error
    kind = torch.device(device).type
    mesh = init_device_mesh(kind, (torch.distributed.get_world_size(),))
    # A single number cannot be cut: all processes have it.
    alone = {weight for weight in model.parameters() if not weight.ndim}
    for module in reversed(list(model.modules())):  # what is inside of others comes first
        blocks = list(module) if isinstance(module, nn.ModuleList) else []
        for block in blocks:
            # One that is called by anything but its name would not be gathered.
            if type(block).forward is not nn.Module.forward and _size(block) >= LARGE:
                fully_shard(block, mesh=mesh, ignored_params=alone)
    model.register_forward_hook(_apart)
    held: Any = fully_shard(model, mesh=mesh, ignored_params=alone)
    held.set_reshard_after_backward(not often, recurse=False)


def resharded(model: nn.Module) -> None:
    """Let go of what was gathered; a model that is not sharded is left as it is."""
    held: Any = model
    if isinstance(model, _kinds()):
        held.reshard()


@contextmanager
def whole(model: nn.Module) -> Generator[None]:
    """Hold all of the weights for a while, so that processes may run a model as often as they like.

    All processes have to enter together. A model that is not sharded is left as it is.
    """
    parts = _gathered(model)
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.reshard()
            part.set_reshard_after_forward(part is not model, recurse=False)


def _gathered(model: nn.Module) -> list[Any]:
    """The parts of a model that are gathered by themselves, itself included."""
    kinds = _kinds()
    return [each for each in model.modules() if isinstance(each, kinds)] if kinds else []


def _kinds() -> tuple[type, ...]:
    # Until it is imported, nothing is sharded; and it is slow to import.
    fsdp = sys.modules.get("torch.distributed.fsdp")
    return () if fsdp is None else (fsdp.FSDPModule,)


def _apart(module: nn.Module, inputs: Any, outputs: Any) -> Any:
    # FSDP2 hooks on to what comes out, which an operation in place on a view would undo.
    return tree_map_only(Tensor, Tensor.clone, outputs)


def _size(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())
