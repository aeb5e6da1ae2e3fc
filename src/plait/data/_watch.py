"""Whether files are still what they were."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from plait._errors import DataError, listing

from ._file import File, Stamp


@dataclass(frozen=True)
class Watch:
    """Some files, and what they were when they were opened.

    Args:
        files: The files.
        stamps: For each what becomes another when it changes; None where nobody can tell.
    """

    files: tuple[File, ...]
    stamps: tuple[Stamp | None, ...]

    @classmethod
    def of(cls, files: Sequence[File]) -> "Watch":
        """These files as they are now."""
        return cls(tuple(files), tuple(file.stamp() for file in files))

    def identity(self) -> str | None:
        """SHA-256 over where they are and what they were; None where nobody can tell."""
        if None in self.stamps:
            return None
        return hashlib.sha256(json.dumps(self.stamps).encode()).hexdigest()

    def check(self) -> None:
        """Check that no file has changed.

        Raises:
            DataError: If one has.
        """
        pairs = zip(self.files, self.stamps, strict=True)
        changed = [str(file) for file, stamp in pairs if stamp and file.stamp() != stamp]
        if changed:
            raise DataError(
                "A file should stay as it is while it is read. Changed since it was opened: "
                f"{listing(changed)}. Start again once nobody writes to it."
            )
