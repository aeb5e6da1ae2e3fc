"""Tables end to end, and cut anew."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa


def end_to_end(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables with the same columns as one."""
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)


def rebatched(tables: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The same rows, ``size`` at a time; the last may be fewer.

    Example:
        >>> table = pa.table({"a": [1, 2, 3]})
        >>> [part["a"].to_pylist() for part in rebatched([table, table], 4)]
        [[1, 2, 3, 1], [2, 3]]
    """
    held: list[pa.Table] = []
    rows = 0
    for each in tables:
        table = each
        while rows + table.num_rows >= size:
            held.append(table.slice(0, size - rows))
            table = table.slice(size - rows)
            yield end_to_end(held)
            held, rows = [], 0
        if table.num_rows:
            held.append(table)
            rows += table.num_rows
    if rows:
        yield end_to_end(held)


def coarser(tables: Iterable[pa.Table], size: int = 1 << 23) -> Iterator[pa.Table]:
    """The same rows, in tables of at least ``size`` bytes; the last may be smaller.

    At least one table comes out where one went in, even if it is empty.
    """
    held: list[pa.Table] = []
    nbytes = 0
    for table in tables:
        held.append(table)
        nbytes += table.nbytes
        if nbytes >= size:
            yield end_to_end(held)
            held, nbytes = [], 0
    if held:
        yield end_to_end(held)
