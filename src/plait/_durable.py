"""Files that are whole or not there, and that vouch for each other."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Bring a file, or the list of what is in a folder, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows brings a folder to the disk by itself
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def alike(path: Path, other: Path) -> None:
    """Let a file be read by whoever may read another.

    safetensors writes files that nobody else may read (0.8), and a model is often served by another
    user than the one who trained it.
    """
    path.chmod(other.stat().st_mode & 0o777)


def sealed(manifest: Mapping[str, Any]) -> str:
    """The text of a manifest, which vouches for other files; its last line vouches for itself."""
    body = {name: value for name, value in manifest.items() if name != "seal"}
    seal = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return json.dumps({**body, "seal": seal}, indent=1)


def apart(named: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors as a file of safetensors takes them, which holds no two names for one tensor."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, value in named:
        kept = value.detach().contiguous().cpu()
        place = kept.untyped_storage().data_ptr()
        found[name] = kept.clone() if place in seen else kept
        seen.add(place)
    return found
