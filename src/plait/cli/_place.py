"""Where something is to be written: free, within reach, and never half-written."""

import os
import secrets
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from plait._errors import UserError


def check_writable(target: Path) -> None:
    """Make sure that something can be written at a place, by doing so beside it for a moment.

    Raises:
        UserError: If it cannot.
    """
    home = target.parent
    while not home.exists() and home != home.parent:
        home = home.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".plait-", dir=home):
            pass
    except OSError as error:
        raise UserError(
            f"{str(target)!r} cannot be written: {error.strerror} in {str(home)!r}. Choose another "
            "place."
        ) from error


def check_file(target: Path, overwrite: bool) -> None:
    """Refuse a file that is there already, and a place that cannot be written.

    Raises:
        UserError: If it is so.
    """
    if target.is_dir():
        raise UserError(f"{str(target)!r} should be a file. Found a folder. Choose another name.")
    if target.exists() and not overwrite:
        raise UserError(
            f"There is a file {str(target)!r} already. Choose another name, or give --overwrite."
        )
    check_writable(target)


@contextmanager
def draft(target: Path) -> Generator[Path, None, None]:
    """A name beside a file to write to; it becomes the file when all went well, else nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
