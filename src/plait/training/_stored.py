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
PART = "shard-{:05d}-model-00001-of-00001.safetensors"
"""What DCP calls the file of a process, counted from 1."""
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
    return _vouched(folder, world)


def _vouched(folder: Path, world: World) -> dict[str, str]:
    """Bring the file of each process to the disk; the SHA-256 of all of them, by name."""
    mine = torch.zeros(world.size, 34)  # whether there is one, whether that failed, and 32 bytes
    path, why = folder / PART.format(world.rank + 1), None
    try:
        if path.is_file():  # one that holds no part of anything writes none
            sync(path)
            mine[world.rank, 2:] = torch.tensor(list(bytes.fromhex(digest(path))))
            mine[world.rank, 0] = 1
    except OSError as error:
        why, mine[world.rank, 1] = error, 1
    told = world.sum(mine).to(torch.uint8).tolist()
    if why is not None or any(failed for _, failed, *_ in told):
        raise why or OSError("it failed in another process")
    return {
        PART.format(rank): bytes(each).hex()
        for rank, (there, _, *each) in enumerate(told, 1)
        if there
    }


def _whole(name: str, size: torch.Size, kind: torch.dtype) -> Tensor:
    return torch.empty(size, dtype=kind)
