"""Streams that can be read once, to sources that can be read again."""

import shutil
import tempfile
import warnings
import weakref
from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
from pyarrow import ipc

from plait._errors import DataError, PlaitWarning, listing

from ._cells import is_string
from ._file import File
from ._files_source import FilesSource
from ._fit import as_one, fitted, wider
from ._objects import Restore, refuse, refuse_twice
from ._shard import Shard
from ._source import BLOCK, Source
from ._whole_source import WholeSource


def gathered(
    tables: Iterator[pa.Table], root: Path | None, memory: int, restore: Restore
) -> Source:
    """A stream in memory, or in a temporary file if it grows larger than it may.

    Args:
        tables: Tables of the same columns. Their types may differ: those that hold all cells
            are taken, and text where numbers and text are mixed, which is warned of.
        root: The folder that relative paths in cells start from.
        memory: Bytes that may stay in memory.
        restore: Turns an Arrow table into the kind of table that came in.

    Raises:
        DataError: If there is no table in it, or no room for it.
    """
    kept: deque[pa.Table] = deque()
    nbytes = 0
    for table in tables:
        refuse_twice(table.column_names)
        kept.append(table)
        nbytes += table.nbytes
        if nbytes > memory:
            return _spooled(chain(_drained(kept), tables), root, restore)
    schemas = [table.schema for table in kept]
    arrow = as_one(list(kept)) if kept else pa.table({})
    _tell(schemas, arrow.schema)
    refuse(arrow.schema, arrow.num_rows)
    return WholeSource(arrow=arrow, root=root, restore=restore)


def _drained(tables: deque[pa.Table]) -> Iterator[pa.Table]:
    while tables:
        yield tables.popleft()


class _Folder:
    """A temporary folder that lives as long as this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="plait-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _spooled(tables: Iterator[pa.Table], root: Path | None, restore: Restore) -> Source:
    folder = _Folder()
    wide: pa.Schema | None = None
    schemas: list[pa.Schema] = []
    shards: list[Shard] = []
    writer: ipc.RecordBatchStreamWriter | None = None
    try:
        for table in tables:
            known = wider(wide, table.schema) if wide else table.schema.remove_metadata()
            # The types of a file are settled by its head: wider ones begin another.
            if writer is None or known != wide:
                if writer:
                    writer.close()
                schemas.append(table.schema)
                path = folder.path / f"{len(shards)}.arrow"
                shards.append(Shard(File(str(path)), known, 0, 0))
                options = ipc.IpcWriteOptions(compression="lz4")
                # Unlike a file, a stream may hold another dictionary for each batch.
                writer = ipc.new_stream(str(path), known, options=options)
                wide = known
            part = fitted(table, known)
            size = max(1, part.num_rows * BLOCK // max(part.nbytes, 1))
            writer.write_table(part, max_chunksize=size)
            last = shards[-1]
            shards[-1] = Shard(
                last.file, known, last.rows + part.num_rows, last.nbytes + part.nbytes
            )
    except OSError as error:
        raise DataError(
            f"What was read should fit into {str(folder.path.parent)!r}. {error}. Set TMPDIR to a "
            "folder with more room."
        ) from error
    finally:
        if writer:
            writer.close()
    assert wide is not None
    _tell(schemas, wide)
    return FilesSource(shards=tuple(shards), wide=wide, keep=folder, root=root, restore=restore)


def _tell(schemas: list[pa.Schema], wide: pa.Schema) -> None:
    mixed = {
        field.name
        for schema in schemas
        for field in schema
        if is_string(wide.field(field.name).type)
        and not (is_string(field.type) or pa.types.is_null(field.type))
    }
    if mixed:
        warnings.warn(
            "Columns that hold text and other cells are read as text: "
            f"{listing(sorted(mixed))}. Cast them in the query for another type.",
            PlaitWarning,
            stacklevel=2,
        )
