"""The tensors of a checkpoint, in one file, or in one for each of several processes."""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from plait._durable import apart, digest, sync

from ._sharding import sharded
from ._world import World

TENSORS = "tensors.safetensors"
SHARD = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")
Like = Callable[[str, torch.Size, torch.dtype], Tensor]


@dataclass(frozen=True)
class Stored:
    """The tensors of a checkpoint that was found to be sound.

    Args:
        place: Its folder.
    """

    place: Path

    def read(self, like: Like | None = None) -> dict[str, Tensor]:
        """All tensors, by name, on the processor.

        Args:
            like: What each is read into, for processes that each read a part; left out, each is
                read as a whole.
        """
        if like is None and (self.place / TENSORS).is_file():
            return load_file(self.place / TENSORS)
        # Of DCP the form in safetensors alone, which brings no code. It is slow to import.
        from torch.distributed.checkpoint import (
            HuggingFaceStorageReader,
            TensorStorageMetadata,
            load,
        )

        make, found = _whole if like is None else like, {}
        held = HuggingFaceStorageReader(str(self.place)).read_metadata().state_dict_metadata
        for name, each in held.items():
            assert isinstance(each, TensorStorageMetadata), "safetensors hold tensors"
            found[name] = make(name, each.size, each.properties.dtype)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
            load(found, storage_reader=HuggingFaceStorageReader(str(self.place)), no_dist=not like)
        return found


def store(tensors: Mapping[str, Tensor], folder: Path, world: World) -> dict[str, str]:
    """Write tensors and bring them to the disk; the SHA-256 of each file, by name.

    Where some are sharded, each process writes what it holds, in all processes at a time.

    Args:
        tensors: By name; the same names in all processes.
        folder: Where they go.
        world: The processes.

    Raises:
        OSError: If they cannot be written.
    """
    if not any(map(sharded, tensors.values())):
        save_file(apart(tensors.items()), folder / TENSORS)
        sync(folder / TENSORS)
        return {TENSORS: digest(folder / TENSORS)}
    from torch.distributed.checkpoint import (
        CheckpointException,
        HuggingFaceStorageWriter,
        save,
    )

    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    try:
        save(dict(tensors), storage_writer=writer)
    except CheckpointException as error:
        why = next(iter(error.failures.values()))[0]
        raise OSError(str(why)) from error
    # Each looks at its share of the files, and tells the others what it found.
    names = sorted(each.name for each in folder.iterdir() if SHARD.fullmatch(each.name))
    mine = torch.zeros(len(names), 32)
    for at in range(world.rank, len(names), world.size):
        sync(folder / names[at])
        mine[at] = torch.tensor(list(bytes.fromhex(digest(folder / names[at]))))
    told = world.sum(mine, world.home).to(torch.uint8).tolist()
    return {name: bytes(each).hex() for name, each in zip(names, told, strict=True)}


def _whole(name: str, size: torch.Size, kind: torch.dtype) -> Tensor:
    return torch.empty(size, dtype=kind)
