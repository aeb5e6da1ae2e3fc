"""What to do when memory runs out."""

import torch

from plait._errors import ConfigError

SAYS = ("out of memory", "can't allocate memory", "not enough memory",
        "CUBLAS_STATUS_ALLOC_FAILED")  # fmt: skip


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of PyTorch says that the device or the processor has no memory left.

    Example:
        >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"))
        True
        >>> out_of_memory(RuntimeError("size mismatch"))
        False
    """
    return isinstance(error, torch.OutOfMemoryError) or any(each in str(error) for each in SAYS)


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
        self.count = count

    def double(self, rows: int, why: str) -> None:
        """Cut a batch of so many rows into smaller parts from now on.

        Raises:
            ConfigError: If each part is a single row already.
        """
        if self.count >= rows:
            raise ConfigError(
                "There should be memory for one row at a time. There is none, although the batch "
                f"of {rows:,} rows was cut into single rows: {why.splitlines()[0]} Choose a "
                "smaller `width`, smaller pictures or shorter texts, or free some memory."
            )
        self.count *= 2
