"""What to do when memory runs out."""

import mmap
from collections.abc import Generator
from contextlib import contextmanager

import torch

from plait._errors import ConfigError

SAYS = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc",
        "CUBLAS_STATUS_ALLOC_FAILED")  # fmt: skip
MAYBE = ("could not create a primitive", "could not create a memory", "could not execute a")
"""What oneDNN says where there is no memory, and where something else is wrong."""
ROOM = 1 << 28
"""Bytes of which a process that is short of memory does not get so many more."""
MOST = 8
"""How often a batch is cut into twice as many parts."""


def out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Whether an error says that the device or the processor has no memory left.

    Example:
        >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"))
        True
        >>> out_of_memory(RuntimeError("size mismatch"))
        False
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    told = str(error)
    return any(each in told for each in SAYS) or (
        any(each in told for each in MAYBE) and not _room(ROOM)
    )


@contextmanager
def told_in_words() -> Generator[None]:
    """Say in plain words that there is no memory, where no smaller part would help.

    Raises:
        ConfigError: If that is why something failed.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise ConfigError(
            "There should be memory for the rows of a step, beside the model and the table. There "
            f"is none: {(str(error).splitlines() or [type(error).__name__])[0]} Free some, or "
            "choose a smaller `batch_size` or `width`, or more parts (`accumulate`)."
        ) from error


def _room(size: int) -> bool:
    """Whether the process would be given so many bytes; none of them is touched."""
    try:
        mmap.mmap(-1, size).close()
    except OSError:
        return False
    return True


class Parts:
    """Into how many parts each batch is cut: twice as many whenever memory runs out.

    Args:
        count: How many at first.

    Example:
        >>> parts = Parts(1)
        >>> parts.double(rows=6, why="out of memory")
        >>> parts.count
        2
    """

    def __init__(self, count: int) -> None:
        self.count, self.most = count, count * 2**MOST

    def double(self, rows: int, why: str) -> None:
        """Cut a batch of so many rows into smaller parts from now on.

        Raises:
            ConfigError: If each part is a single row already, or batches were cut in two
                :data:`MOST` times.
        """
        if self.count >= min(rows, self.most):
            single = self.count >= rows
            parts = "single rows" if single else f"{self.count:,} parts"
            raise ConfigError(
                f"There should be memory for {'one row' if single else 'a part'} at a time. There "
                f"is none, although the batch of {rows:,} rows was cut into {parts}: "
                f"{why.splitlines()[0] if why else 'no memory'} Choose a smaller `width`, smaller "
                "batches (`batch_size`), smaller pictures or shorter texts, or free some memory."
            )
        self.count *= 2
