"""One file, on this machine or behind a protocol."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from plait._errors import DataError

Stamp = tuple[str, ...]

MARKS = ("ETag", "etag", "checksum", "md5Hash", "md5", "content_md5", "Content-MD5", "crc32c",
         "version_id", "generation", "LastModified", "last_modified", "mtime", "modified",
         "created")  # fmt: skip
"""What the file systems call the things that change when a file does."""


@dataclass(frozen=True)
class File:
    """One file, on this machine or behind a protocol.

    Args:
        path: Where it is; without the protocol where there is one.
        system: The fsspec file system that it lies in; None on this machine.
        content: All its bytes, where they have been fetched already.
    """

    path: str
    system: Any = None
    content: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.system.unstrip_protocol(self.path) if self.system else self.path

    @property
    def ending(self) -> str:
        """What the name ends in, without ``.gz``: ``.csv``."""
        suffixes = PurePosixPath(Path(self.path).as_posix()).suffixes
        return next((s for s in reversed(suffixes) if s.lower() != ".gz"), "").lower()

    @property
    def folder(self) -> Path | None:
        """The folder it lies in, on this machine."""
        return None if self.system else Path(self.path).parent

    def fetched(self) -> "File":
        """The same, with its content at hand, so that reading it twice costs one transfer."""
        return replace(self, content=self.system.cat_file(self.path)) if self.system else self

    def stream(self) -> pa.NativeFile:
        """Its bytes from the first to the last, decompressed."""
        if not self.system:
            return pa.input_stream(self.path)
        zipped = "gzip" if self.path.lower().endswith(".gz") else None
        held = self.content
        raw = self.system.open(self.path, "rb") if held is None else pa.BufferReader(held)
        return pa.input_stream(raw, compression=zipped)

    def anywhere(self) -> pa.NativeFile:
        """Its bytes in any order, as they are."""
        if self.system:
            return pa.PythonFile(self.system.open(self.path, "rb"), mode="r")
        return pa.OSFile(self.path)

    def stamp(self) -> Stamp | None:
        """What becomes another when the file does; None where nobody can tell.

        Raises:
            DataError: If the file is not there any more.
        """
        try:
            return self._far_stamp() if self.system else self._near_stamp()
        except OSError as error:
            raise DataError(f"There is no file {str(self)!r} any more. {error}") from error

    def _near_stamp(self) -> Stamp:
        path = Path(self.path).resolve()
        stat = path.stat()
        told = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
        return str(path), *map(str, told)

    def _far_stamp(self) -> Stamp | None:
        self.system.invalidate_cache()
        told: Mapping[str, Any] = self.system.info(self.path)
        marks = [f"{name}={told[name]}" for name in MARKS if told.get(name)]
        return (str(self), str(told.get("size")), *marks) if marks else None


def is_url(text: str) -> bool:
    """Whether a path begins with a protocol: ``s3://``, ``simplecache::https://``.

    Example:
        >>> is_url("s3://bucket/a.csv"), is_url("C://a.csv"), is_url("a.csv")
        (True, False, False)
    """
    return re.match(r"(\w[\w+.-]*::)*\w[\w+.-]+://", text) is not None
