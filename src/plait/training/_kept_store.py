"""What was kept, on disk."""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from jaxtyping import UInt8
from safetensors import SafetensorError, safe_open
from torch import Tensor

from plait.data import Note, Ragged
from plait.data._distinct import DIGEST
from plait.data._safe import check_header, check_plain

from ._piece import Piece

FORMAT = "1"
SHARD = 64 * 2**20
"""About how many bytes a file holds."""
OURS = re.compile("[0-9a-f]{64}")
"""What the folder of an encoder is called; others are nobody's business here."""
STALE = 24 * 60 * 60
"""Seconds after which nobody writes on at a draft."""


class KeptStore:
    """A folder of vectors of one encoder, found again by the content of the cells.

    Every file bears the SHA-256 of its content as its name, so that a damaged one is noticed, and
    says within for which encoder it was made, so that one from elsewhere is. Files are only
    added, whole or not at all: several processes may use one folder at a time.

    Args:
        folder: Where the files of this encoder are.
        key: What stands for the encoder and all that its output depends on.
        keys: A digest of each cell that is asked for, different for different cells.
        column: The column, for notes.
    """

    def __init__(
        self, folder: Path, key: str, keys: UInt8[np.ndarray, "cells 16"], column: str
    ) -> None:
        self.folder, self.key, self.column = folder, key, column
        self.keys = keys
        self.notes: list[Note] = []
        self._waiting: list[Piece] = []
        self._bytes = 0
        self._closed = False

    def read(self) -> Iterator[Piece]:
        """What is there of the cells asked for, each once."""
        wanted = _whole(self.keys)
        order = np.argsort(wanted)
        wanted, seen = wanted[order], np.zeros(len(wanted), bool)
        for path in sorted(self.folder.glob("*.safetensors")):
            if seen.all():
                return
            try:
                check_plain(path)
                check_header(path)
                with safe_open(path, "pt") as file:
                    known = _whole(file.get_tensor("keys").numpy())
                at = np.searchsorted(wanted, known).clip(max=len(wanted) - 1)
                useful = wanted[at] == known
                useful[useful] = ~seen[at[useful]]
                if not useful.any():
                    continue
                values, lengths = self._checked(path)
            except FileNotFoundError:  # another process may be tidy
                continue
            except (OSError, SafetensorError, ValueError, KeyError) as error:
                self._refuse(path, error)
                continue
            seen[at[useful]] = True
            with suppress(OSError):
                os.utime(path)  # so that those unused for longest are known
            rows = torch.from_numpy(np.flatnonzero(useful))
            yield _piece(torch.from_numpy(order[at[useful]]), rows, values, lengths)

    def _checked(self, path: Path) -> tuple[Tensor, Tensor | None]:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != path.stem:
            raise ValueError("its SHA-256 differs from its name")
        with safe_open(path, "pt") as file:
            if file.metadata() != {"format": FORMAT, "key": self.key}:
                raise KeyError("it was made for another encoder")
        found = safetensors.torch.load(content)
        return found["values"], found.get("lengths")

    def _refuse(self, path: Path, error: Exception) -> None:
        what = "files of kept vectors that are damaged or of another encoder, and were not used"
        self.notes.append(Note(self.column, what, 1, (path.name,)))
        if not isinstance(error, OSError | KeyError):
            with suppress(OSError):  # what differs from its name will never be of use again
                path.unlink()

    def add(self, piece: Piece) -> None:
        """Keep some cells, on disk as soon as there are enough of them."""
        if self._closed:
            return
        self._waiting.append(piece)
        self._bytes += piece.values.nbytes
        if self._bytes >= SHARD:
            self.flush()

    def flush(self) -> None:
        """Bring to the disk what waits for it."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        if not waiting:
            return
        places = torch.cat([each.places for each in waiting])
        tensors = {
            "keys": torch.from_numpy(self.keys[places.numpy()]),
            "values": torch.cat([each.values for each in waiting]),
        }
        lengths = [each.lengths for each in waiting if each.lengths is not None]
        if lengths:
            tensors["lengths"] = torch.cat(lengths)
        content = safetensors.torch.save(tensors, {"format": FORMAT, "key": self.key})
        try:
            _write(self.folder, content)
        except OSError as error:
            # Nothing is lost but time: what was kept is in memory, and the next run makes it anew.
            self._closed = True
            what = f"texts whose vectors could not be written: {error.strerror or error}"
            self.notes.append(Note(self.column, what, len(places), (str(self.folder),)))


def tidy(cache: Path, limit: int) -> None:
    """Remove the files that were unused for longest, until all encoders' take no more bytes.

    Args:
        cache: The folder in which those of the encoders are.
        limit: How many bytes they may take.
    """
    found = []
    for path in cache.glob("*/*"):
        with suppress(OSError):  # another process may be as tidy
            told = path.stat()
            if not OURS.fullmatch(path.parent.name):
                continue
            if path.suffix == ".safetensors":
                found.append((told.st_mtime_ns, told.st_size, path))
            elif path.suffix == ".tmp" and told.st_mtime < time.time() - STALE:
                path.unlink()
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= limit:
            return
        with suppress(OSError):
            path.unlink()
            total -= size


def _write(folder: Path, content: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{secrets.token_hex(8)}.tmp"
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / f"{hashlib.sha256(content).hexdigest()}.safetensors")
    finally:
        draft.unlink(missing_ok=True)


def _whole(keys: np.ndarray) -> np.ndarray:
    if keys.ndim != 2 or keys.dtype != np.uint8 or keys.shape[1] != DIGEST:
        raise ValueError("its keys are none")
    return np.ascontiguousarray(keys).view(f"S{DIGEST}")[:, 0]


def _piece(places: Tensor, rows: Tensor, values: Tensor, lengths: Tensor | None) -> Piece:
    if lengths is None:
        return Piece(places, values[rows], None)
    bounds = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    held = Ragged(values, bounds, torch.ones(len(lengths)).bool()).select(rows)
    return Piece(places, held.values, held.lengths)
