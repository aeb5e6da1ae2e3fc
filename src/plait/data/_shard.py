"""One file of columns, of which a part can be read."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import ipc
from pyarrow.parquet import ParquetFile

from ._file import File
from ._objects import refuse_twice
from ._read import ARROW, PARQUET, UNREADABLE, is_index, unreadable

BUFFER = 1 << 20
"""Bytes of a column that are fetched at a time."""
FEW = 64
"""Rows that tell how many bytes a row takes."""


@dataclass(frozen=True)
class Shard:
    """One file of columns, of which a part can be read, and what its footer says.

    Args:
        file: A Parquet or Arrow file.
        schema: Its columns, without an index of pandas.
        rows: How many rows it has.
        nbytes: Bytes that they would take in memory, about.
    """

    file: File
    schema: pa.Schema
    rows: int
    nbytes: int

    @classmethod
    def of(cls, file: File) -> "Shard | None":
        """The file, if a part of it can be read.

        Raises:
            DataError: If it is not what its name says.
        """
        try:
            if file.ending in PARQUET:
                return cls._of_parquet(file)
            if file.ending in ARROW:
                return cls._of_arrow(file)
        except UNREADABLE as error:
            raise unreadable(file, error) from error
        return None

    @classmethod
    def _of_parquet(cls, file: File) -> "Shard":
        with _parquet(file) as opened:
            schema, footer = _bare(opened.schema_arrow), opened.metadata
            refuse_twice(schema.names)
            groups = range(footer.num_row_groups)
            packed = sum(footer.row_group(group).total_byte_size for group in groups)
            few = next(opened.iter_batches(FEW, columns=schema.names, use_threads=False), None)
        return cls(file, schema, footer.num_rows, _bytes(few, footer.num_rows, packed))

    @classmethod
    def _of_arrow(cls, file: File) -> "Shard | None":
        with file.anywhere() as opened:
            magic, size = opened.read(6), opened.size()
        if magic.startswith(b"FEA1"):  # Feather's first form cannot be read in parts
            return None
        with _arrow(file) as (schema, batches):
            refuse_twice(schema.names)
            few = next(batches, None)
        # Of a file one column tells how many rows there are; a stream is read to its end.
        with _arrow(file, schema.names[:1]) as (_, batches):
            rows = sum(batch.num_rows for batch in batches)
        return cls(file, _bare(schema), rows, _bytes(few, rows, size))

    def batches(self, names: Sequence[str], rows: int, first: int = 0) -> Iterator[pa.Table]:
        """The rows from one on in order, about so many at a time.

        Args:
            names: The columns that are wanted.
            rows: About how many rows to read at a time.
            first: The number of the row to begin with. Of Parquet, row groups before it are not
                read; of Arrow, batches are looked at one after the other, column by column.
        """
        if self.file.ending in PARQUET:
            with _parquet(self.file) as opened:
                groups, past = _groups(opened, first)
                read = opened.iter_batches(rows, row_groups=groups, columns=list(names))
                for batch in _behind(read, past):
                    yield pa.Table.from_batches([batch]).select(list(names))
        else:
            with _arrow(self.file, names) as (_, batches):
                for batch in _behind(batches, first):
                    yield pa.Table.from_batches([batch]).select(list(names))


def _groups(opened: ParquetFile, first: int) -> tuple[list[int], int]:
    """The row groups from that of a row on, and how many rows the first of them has before it."""
    footer = opened.metadata
    groups = list(range(footer.num_row_groups))
    while groups and first >= (rows := footer.row_group(groups[0]).num_rows):
        groups, first = groups[1:], first - rows
    return groups, first


def _behind(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Batches without the first so many rows."""
    for batch in batches:
        past = min(rows, batch.num_rows)
        rows -= past
        if past < batch.num_rows or not batch.num_rows:
            yield batch.slice(past) if past else batch


@contextmanager
def _parquet(file: File) -> Generator[ParquetFile]:
    # Fetching ahead would keep whole row groups of all columns in memory.
    with (
        file.anywhere() as raw,
        ParquetFile(raw, pre_buffer=False, buffer_size=BUFFER) as opened,
    ):
        yield opened


@contextmanager
def _arrow(
    file: File, names: Sequence[str] | None = None
) -> Generator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    with file.anywhere() as raw:
        form = ipc.open_file if raw.read(6) == b"ARROW1" else ipc.open_stream
        raw.seek(0)
        reader = form(raw)
        schema = reader.schema
        if names is not None:
            raw.seek(0)
            wanted = [schema.get_field_index(name) for name in names]
            reader = form(raw, options=ipc.IpcReadOptions(included_fields=wanted))
        if isinstance(reader, ipc.RecordBatchFileReader):
            numbers = range(reader.num_record_batches)
            yield schema, (reader.get_batch(number) for number in numbers)
        else:
            yield schema, iter(reader)


def _bare(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field for field in schema if not is_index(field.name)])


def _bytes(few: pa.RecordBatch | None, rows: int, packed: int) -> int:
    # Repeated cells take next to nothing in a file, and all of it in memory.
    mean = few.nbytes / few.num_rows if few and few.num_rows else 0
    return max(packed, round(mean * rows))
