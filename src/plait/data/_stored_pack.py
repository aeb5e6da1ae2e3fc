"""A pack from a folder."""

import hashlib
import mmap
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plait._errors import ArtifactError

from ._bagged import Bagged
from ._masked import Masked
from ._pack import Pack
from ._pack_writer import ITEMS
from ._packed import Note
from ._ragged import Ragged
from ._safe import check_plain
from ._tensor_writer import DTYPES, HEAD, header

TORCH = {name: dtype for dtype, name in DTYPES.items()}
BLOCK = 1 << 24


def stored_pack(
    folder: Path, described: Mapping[str, Any], *, mapped: bool = False, check: bool = True
) -> Pack:
    """The pack that a :class:`PackWriter` wrote, held against what it said of it.

    Args:
        folder: Where the files are.
        described: What the writer said.
        mapped: Whether the tensors stay on the disk, and are read where they are touched. Such
            tensors must not be written to.
        check: Whether to read all files and hold them against their SHA-256.

    Raises:
        ArtifactError: If a file is not there, or is not the one that was written.
    """
    files = _files(described)
    outside = [each["file"] for each in files if Path(each["file"]).name != each["file"]]
    if outside:
        raise ArtifactError(f"Files of a pack should lie in its folder. Found {outside[0]!r}")
    files = files if check else []
    # SHA-256 lets other threads run, and most of the time goes to waiting for the disk.
    with ThreadPoolExecutor(4) as pool:
        problems = list(pool.map(lambda each: _damage(folder / each["file"], each), files))
    for problem in filter(None, problems):
        raise ArtifactError(problem)
    maps: list[mmap.mmap] = []

    def tensor(entry: Mapping[str, Any]) -> Tensor:
        return _tensor(folder / entry["file"], entry, maps if mapped else None)

    def cells(entry: Mapping[str, Any], within: str = "") -> Masked | Ragged | Bagged:
        if entry[within + "kind"] == "Bagged":
            return Bagged(cells(entry, within + ITEMS), tensor(entry[within + "offsets"]))
        values, mask = tensor(entry[within + "values"]), tensor(entry[within + "mask"])
        if entry[within + "kind"] == "Ragged":
            return Ragged(values, tensor(entry[within + "offsets"]), mask)
        return Masked(values, mask)

    targets = {name: cells(entry) for name, entry in described["targets"].items()}
    return Pack(
        rows=described["rows"],
        inputs={name: cells(entry) for name, entry in described["inputs"].items()},
        targets={name: part for name, part in targets.items() if isinstance(part, Masked)},
        notes=tuple(
            Note(column, what, count, tuple(few)) for column, what, count, few in described["notes"]
        ),
        places=tensor(described["places"]) if "places" in described else None,
        maps=tuple(maps),
    )


def _files(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = [*described["inputs"].values(), *described["targets"].values()]
    found = [each for entry in entries for each in entry.values() if isinstance(each, Mapping)]
    return [*found, described["places"]] if "places" in described else found


def _damage(path: Path, described: Mapping[str, Any]) -> str | None:
    shape = described["shape"]
    size = int(np.prod(shape, dtype=np.int64)) * TORCH[described["dtype"]].itemsize
    try:
        check_plain(path)
        with path.open("rb") as file:
            if file.read(HEAD) != header(dict(described), size):
                return f"{str(path)!r} has another header than was written"
            digest = hashlib.sha256()
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        return f"{str(path)!r} cannot be read: {error.strerror or error}"
    except ValueError as error:
        return f"{str(path)!r} should be a plain file: {error}"
    if digest.hexdigest() != described["sha256"]:
        return f"{str(path)!r} is not the file that was written: its SHA-256 differs"
    return None


def _tensor(path: Path, described: Mapping[str, Any], maps: list[mmap.mmap] | None) -> Tensor:
    dtype, shape = TORCH[described["dtype"]], described["shape"]
    if not np.prod(shape, dtype=np.int64):
        return torch.empty(shape, dtype=dtype)
    if maps is None:
        flat = torch.from_numpy(np.fromfile(path, np.uint8, offset=HEAD))
        return flat.view(dtype).view(shape)
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    maps.append(content)
    with warnings.catch_warnings():
        # A private mapping could be written to, but would be charged against memory as a whole.
        warnings.filterwarnings("ignore", message="The given buffer is not writable")
        return torch.frombuffer(content, dtype=dtype, offset=HEAD).view(shape)
