"""A source whose rows stay in their files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ._file import File
from ._fit import fitted
from ._read import UNREADABLE, misfits, refuse_strangers, unreadable
from ._shard import Shard
from ._source import Source


@dataclass(frozen=True, eq=False, kw_only=True)
class FilesSource(Source):
    """Rows that stay in their files, Parquet or Arrow, and are read when they are asked for.

    Args:
        shards: The files, in order.
        wide: Their columns, with types that hold the cells of all of them.
        keep: What must live as long as the files are needed: their temporary folder.
    """

    shards: tuple[Shard, ...]
    wide: pa.Schema
    keep: object = field(default=None, repr=False)

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return self.wide

    @property
    def rows(self) -> int:
        """How many rows the files say they have."""
        return sum(shard.rows for shard in self.shards)

    @property
    def nbytes(self) -> int:
        """Bytes that all rows would take in memory, about."""
        return sum(shard.nbytes for shard in self.shards)

    def batches(self, names: Sequence[str], rows: int, first: int = 0) -> Iterator[pa.Table]:
        """The rows from one on in order, about so many at a time."""
        schema = pa.schema([self.wide.field(name) for name in names])
        for shard in self.shards:
            if first >= shard.rows:
                first -= shard.rows
                continue
            begin, first = first, 0
            try:
                for table in shard.batches(names, rows, begin):
                    yield fitted(table, schema)
            except UNREADABLE as error:
                self.check()
                raise unreadable(shard.file, error) from error


def widest(files: Sequence[File], schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Columns with types that hold the cells of all files.

    Raises:
        DataError: If the files have different columns, or types that do not go together.
    """
    refuse_strangers(files, [schema.names for schema in schemas])
    try:
        return pa.unify_schemas(list(schemas), promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise misfits(files, error) from error


def shards(files: Sequence[File]) -> list[Shard]:
    """The files, if a part of each can be read; none otherwise."""
    found = []
    for file in files:
        shard = Shard.of(file)
        if shard is None:
            return []
        found.append(shard)
    return found
