"""Whatever holds a table, to a source."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from plait._errors import DataError, listing

from ._file import File
from ._files_source import FilesSource, shards, widest
from ._find import find, home
from ._gather import gathered
from ._huggingface_source import HuggingFaceSource
from ._memory import memory_limit
from ._objects import from_object, nameless, package, refuse, same
from ._query import Query
from ._read import read
from ._source import Source
from ._table import Table
from ._together import coarser
from ._watch import Watch
from ._whole_source import WholeSource

WHOLE = sys.maxsize
"""As much memory as it takes."""


def opened(data: Any, root: Path | None, memory: int | None) -> Source:
    """Whatever holds a table, as a source; see :meth:`Source.of`."""
    if memory is None:
        memory = memory_limit() // 4
    if isinstance(data, Source):
        return replace(data, root=root) if root else data
    if isinstance(data, Table):
        return WholeSource(arrow=data.arrow, root=root or data.root, restore=data.restore)
    query = Query.of(data)
    if query:
        return gathered(query.tables(), root or query.folder or Path.cwd(), memory, same)
    if isinstance(data, str | Path) or _is_paths(data):
        return _of_files(find(data), root, memory)
    root = root or Path.cwd()
    if package(data) == "datasets":
        return _of_hugging_face(data, root, memory)
    if _is_stream(data):
        return gathered(coarser(_read_once(data)), root, memory, same)
    arrow, restore = from_object(data)
    refuse(arrow.schema, arrow.num_rows)
    return WholeSource(arrow=arrow, root=root, restore=restore)


def _is_paths(data: object) -> bool:
    return isinstance(data, list | tuple) and all(isinstance(p, str | Path) for p in data)


def _of_files(files: Sequence[File], root: Path | None, memory: int) -> Source:
    watch = Watch.of(files)
    root = root or home(files)
    parts = shards(files) if memory < WHOLE else []
    if sum(part.nbytes for part in parts) > memory:
        schema = widest(files, [part.schema for part in parts])
        refuse(schema, sum(part.rows for part in parts))
        return FilesSource(shards=tuple(parts), wide=schema, root=root, watch=watch)
    arrow = read(files)
    watch.check()
    refuse(arrow.schema, arrow.num_rows)
    return WholeSource(arrow=arrow, root=root, watch=watch if watch.identity() else None)


def _is_stream(data: object) -> bool:
    if isinstance(data, Mapping) or package(data) in ("pandas", "polars"):
        return False
    # A table is in memory already; a reader, or the relation of a database, is not.
    return hasattr(data, "__arrow_c_stream__") and not isinstance(data, pa.Table)


def _read_once(data: Any) -> Iterator[pa.Table]:
    try:
        reader = pa.RecordBatchReader.from_stream(data)
    except (pa.ArrowException, TypeError) as error:
        raise nameless(data, error) from error
    try:
        yield reader.schema.empty_table()
        for batch in reader:
            if batch.num_rows:
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"The {type(data).__name__} cannot be read to its end: {error}") from error


def _of_hugging_face(data: Any, root: Path, memory: int) -> Source:
    if isinstance(data, Mapping):
        raise DataError(
            f"A table should be one dataset. Found the splits {listing(list(data))}. "
            f"Give one of them: dataset[{next(iter(data), 'train')!r}]."
        )
    if not hasattr(data, "data"):  # it is streamed, and nobody knows how long it is
        return gathered(data.with_format("arrow").iter(batch_size=1000), root, memory, same)
    source = HuggingFaceSource(dataset=data, root=root, restore=type(data))
    refuse(source.schema, source.rows)
    if source.nbytes > memory:
        return source
    return WholeSource(arrow=source.table().arrow, root=root, restore=source.restore)
