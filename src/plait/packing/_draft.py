"""A pack that is being written."""

import hashlib
import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plait._errors import DataError, listing
from plait.data import Pack, PackWriter, stored_pack
from plait.schema import Schema

from ._state import state_of, touched_since

FORMAT, VERSION = "plait pack", 3
MANIFEST, FILES = "pack.json", "files.json"


class Draft:
    """The parts of a pack in a folder, which is whole once :meth:`close` has returned.

    Args:
        folder: Where they are written.
        since: From when on what they are made of must not change, in nanoseconds since 1970.

    Raises:
        DataError: From :meth:`close`, if a picture has changed since.
    """

    def __init__(self, folder: Path, since: int) -> None:
        self.folder, self.since = folder, since
        self._parts: dict[str, Any] = {}

    @contextmanager
    def writer(self, part: str) -> Generator[PackWriter]:
        """Where the rows of a part (``"train"``, ``"valid"``) go."""
        with PackWriter(self.folder / part) as writer:
            yield writer
        if writer.rows:
            self._parts[part] = writer.described()

    def close(
        self, key: str, declared: Schema, schema: Schema, files: Sequence[Path], held: bool
    ) -> None:
        """Write down what it is and what it was made of."""
        names = [str(path) for path in files]
        changed = touched_since(names, self.since)
        if changed:
            raise DataError(
                "Pictures should stay as they are while they are read. Changed meanwhile: "
                f"{listing(changed)}. Start again once nobody writes to them."
            )
        (self.folder / FILES).write_text(json.dumps(names), encoding="utf-8")
        body = {
            "format": FORMAT,
            "version": VERSION,
            "key": key,
            "declared": declared.to_dict(),
            "schema": schema.to_dict(),
            "held": held,
            "parts": self._parts,
            "files": state_of(names),
        }
        with (self.folder / MANIFEST).open("w", encoding="utf-8") as file:
            json.dump({**body, "seal": seal(body)}, file)
            file.flush()
            os.fsync(file.fileno())

    def read(self, part: str, *, mapped: bool) -> Pack | None:
        """A part that has been written; None if it has no rows."""
        described = self._parts.get(part)
        if not described:
            return None
        return stored_pack(self.folder / part, described, mapped=mapped, check=False)


def seal(body: Mapping[str, Any]) -> str:
    """A digest of what a manifest says."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
