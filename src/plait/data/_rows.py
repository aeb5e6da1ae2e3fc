"""Answers of a database to Arrow tables."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError

from ._cells import is_bytes, is_string, normal, texts
from ._objects import REFUSED, package, refuse_twice
from ._together import coarser

FIRST = 256
"""Rows that are fetched before anything is known of their size."""
BLOCK = 1 << 24
"""Bytes that are fetched at a time, about."""
MOST_ROWS = 1 << 16


def answered(connection: Any, sql: str) -> Iterator[pa.Table]:
    """The answer to a query, some rows at a time.

    Args:
        connection: A connection of DuckDB or ADBC, or any other of Python's DB-API.
        sql: The query.

    Raises:
        DataError: If the connection is none, or the database refuses.
    """
    try:
        if package(connection) in ("duckdb", "_duckdb"):
            # A cursor of DuckDB would not see the frames that its connection knows by name, and
            # an executed statement is held in memory; a relation is neither.
            relation = connection.sql(sql)
            yield from _batches(pa.RecordBatchReader.from_stream(relation))
        elif hasattr(connection, "cursor"):
            with closing(connection.cursor()) as cursor:
                cursor.execute(sql)
                if hasattr(cursor, "fetch_record_batch"):
                    yield from _batches(cursor.fetch_record_batch())
                else:
                    yield from _fetched(cursor)
        else:
            raise DataError(
                "The connection of a query should be the path of an SQLite or DuckDB file, or a "
                f"connection of Python's DB-API or of ADBC. Found {type(connection).__name__!r}."
            )
    except (errors_of(connection), pa.ArrowException) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"The database refused {sql[:200]!r}: {error}") from error


def errors_of(connection: Any) -> type[Exception]:
    """What a database raises: DB-API has each package bring an ``Error`` of its own."""
    return getattr(sys.modules.get(package(connection)), "Error", Exception)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    with reader:
        refuse_twice(reader.schema.names)
        yield reader.schema.empty_table()
        yield from coarser(pa.Table.from_batches([batch]) for batch in reader if batch.num_rows)


def _fetched(cursor: Any) -> Iterator[pa.Table]:
    if cursor.description is None:
        raise DataError("A query should read rows. The statement gave none back.")
    names = [column[0] for column in cursor.description]
    refuse_twice(names)
    yield pa.table({name: pa.nulls(0) for name in names})
    size = FIRST
    while rows := cursor.fetchmany(size):
        before, arrays = {}, {}
        for place, name in enumerate(names):
            arrays[name], before[name] = _column(name, [row[place] for row in rows])
        # So those who put the parts together learn that there was more than text.
        yield pa.table(before)
        table = pa.table(arrays)
        yield table
        size = max(1, min(MOST_ROWS, BLOCK * len(rows) // max(table.nbytes, 1)))


def _column(name: str, cells: Sequence[Any]) -> tuple[pa.Array, pa.Array]:
    """Some cells, and none of the type that they had before they became text."""
    try:
        array = pa.array(cells)
        if not (is_bytes(array.type) and str in set(map(type, cells))):
            return array, array.slice(0, 0)
    except REFUSED:
        kinds = set(map(type, cells)) - {type(None)}
        if kinds == {int, float}:  # whole numbers beyond 2**53, among others
            array = pa.array([None if cell is None else float(cell) for cell in cells])
            return array, array.slice(0, 0)
    return _as_text(name, cells)


def _as_text(name: str, cells: Sequence[Any]) -> tuple[pa.Array, pa.Array]:
    kinds = sorted(set(map(type, cells)) - {type(None)}, key=lambda kind: kind.__name__)
    try:
        groups = [
            pa.array([cell if type(cell) is kind else None for cell in cells]) for kind in kinds
        ]
    except REFUSED:
        groups = []
    others = [group for group in groups if not is_string(group.type)]
    if len(others) in (0, len(groups)) or any(is_bytes(group.type) for group in others):
        raise DataError(
            f"The cells of {name!r} should be of one type that Arrow knows. Found "
            f"{', '.join(kind.__name__ for kind in kinds)}. Cast them in the query, or leave the "
            "column out."
        )
    written = pc.coalesce(*[_written(group) for group in groups])
    return written, others[0].slice(0, 0)


def _written(cells: pa.Array) -> pa.Array:
    return cells.cast(pa.large_string()) if is_string(cells.type) else texts(normal(cells))
