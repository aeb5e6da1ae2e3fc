"""What tables hold, in one number."""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from ._cells import normal
from ._table import Table

BLOCK = 1 << 24
"""Bytes that are hashed at a time, about."""
MOST_ROWS = 1 << 16
FEW = 64
"""Rows that tell how many bytes a row takes."""


class _Sink:
    """A file that keeps nothing but the hash of what was written into it."""

    closed = False

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, data: bytes | pa.Buffer) -> int:
        self.hash.update(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def content_hash(parts: Callable[[int], Iterable[Table]]) -> str:
    """SHA-256 over the cells and their types, however they lie in memory.

    Args:
        parts: All rows in order, in tables of as many rows as asked for; at least one row.

    Example:
        >>> whole = Table.of({"a": [0, 1, 2]})
        >>> ours, theirs = Table.of({"a": [1, 2]}), whole.take([1, 2])
        >>> content_hash(lambda rows: [ours]) == content_hash(lambda rows: [theirs])
        True
    """
    few = _fresh(next(iter(parts(FEW))))
    # The same for the same rows, so that the cuts between the blocks are the same, too.
    rows = 1 << max(0, (BLOCK * few.num_rows // max(few.nbytes, 1)).bit_length() - 1)
    sink = _Sink()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), few.schema) as writer:
        for part in parts(min(rows, MOST_ROWS)):
            writer.write_batch(_fresh(part))
    return sink.hash.hexdigest()


def _fresh(part: Table) -> pa.RecordBatch:
    # In new buffers nothing is left of the neighbors of a slice, nor of what stands below a null.
    rows = pa.array(np.arange(len(part)))
    columns = [normal(column).take(rows) for column in part.arrow.columns]
    return pa.record_batch(columns, part.names)
