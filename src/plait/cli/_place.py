"""Where something is to be written: free, within reach, and never half-written."""

import glob
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
def draft(target: Path, mark: str | None = None) -> Generator[Path, None, None]:
    """A name beside a file to write to; it becomes the file when all went well, else nothing.

    Args:
        target: The file.
        mark: Letters that pieces of it have in their names; see :func:`piece`. They are cleared
            away, too.
    """
    mark = mark or secrets.token_hex(4)
    with _cleared(target, mark):
        beside = piece(target, mark)
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(target)


@contextmanager
def offered(target: Path, mark: str, rank: int) -> Generator[Path, None, None]:
    """A name beside a file for a piece of it, which the process that makes the file takes up."""
    with _cleared(target, mark, rank):
        yield piece(target, mark, rank)


def piece(target: Path, mark: str, rank: int = 0) -> Path:
    """The hidden name of what a process writes of a file, until the file is whole."""
    return target.with_name(f".{target.name}.{mark}.{rank}.tmp")


@contextmanager
def _cleared(target: Path, mark: str, rank: int | None = None) -> Generator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    mine = "*" if rank is None else rank
    try:
        yield
    except BaseException:
        mine = "*"  # a process that was killed could not clear away its own
        raise
    finally:
        for left in target.parent.glob(f".{glob.escape(target.name)}.{mark}.{mine}.tmp"):
            left.unlink(missing_ok=True)
