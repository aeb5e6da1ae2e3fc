"""Files from elsewhere, looked at before they are read."""

import json
import stat
from pathlib import Path
from typing import Any

from ._depth import check_depth

MOST_TENSORS = 2**16
"""As many columns as a table of plait may have, with some tensors each, have fewer."""
LONGEST_HEADER = 2**24
"""Bytes. The format itself allows six times as many, which take gigabytes to read."""
START = 8


def check_plain(path: Path) -> None:
    """Refuse what is no plain file in its own folder: it may never end, or lie elsewhere.

    A hard link is a plain file. That a file is there at all is for its reader to tell.

    Args:
        path: The file.

    Raises:
        ValueError: If it is a link, a pipe, a socket or a device; the message says which.

    Example:
        >>> check_plain(Path("/dev/null"))
        Traceback (most recent call last):
        ...
        ValueError: it is a device
    """
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if stat.S_ISLNK(mode):
        raise ValueError("it is a symbolic link")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
        raise ValueError(f"it is a {kinds.get(stat.S_IFMT(mode), 'device')}")


def read_mapping(path: Path, most: int) -> dict[str, Any]:
    """A file of JSON that holds a mapping, neither long nor deep.

    Args:
        path: The file.
        most: How many bytes it may have.

    Raises:
        ValueError: If it is another file; the message says how, and begins with a verb.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "a.json"
        ...     _ = path.write_text("[1]")
        ...     read_mapping(path, 100)
        Traceback (most recent call last):
        ...
        ValueError: should hold a mapping. Found list
    """
    if (size := path.stat().st_size) > most:
        raise ValueError(f"should be of at most {most:,} bytes. It has {size:,}")
    try:
        with path.open("rb") as file:
            check_depth(file.read)
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"should hold a mapping. Found {type(found).__name__}")
    return found


def check_header(path: Path) -> None:
    """Refuse a file of safetensors whose header alone would take long to read.

    Use it before any safetensors file that others may have made. That tensors lie side by side
    and fill the file is for the library to check, which it does.

    Args:
        path: The file.

    Raises:
        ValueError: If it has too many tensors, or a header that is too long or is none.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "a.safetensors"
        ...     _ = path.write_bytes((2**40).to_bytes(8, "little") + b"{}")
        ...     check_header(path)
        Traceback (most recent call last):
        ...
        ValueError: its header of 1,099,511,627,776 bytes is longer than 16,777,216
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(START), "little")
        if length > LONGEST_HEADER:
            raise ValueError(f"its header of {length:,} bytes is longer than {LONGEST_HEADER:,}")
        text = file.read(length)
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise ValueError("its header is no mapping")
    if len(told) > MOST_TENSORS:
        raise ValueError(f"it has {len(told):,} tensors, more than {MOST_TENSORS:,}")
