"""From a source to a fitted schema."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from plait.data import Source, Table
from plait.schema import Schema

from ._choices import Choices
from ._held_back import others

PART = 1 << 25
"""About how many bytes of a table are read at a time."""

LEAST = 1_000
"""Rows that are looked at, however little memory there is."""


@dataclass(frozen=True)
class Fitted:
    """A schema that knows the training rows, and the rows that it was fitted to.

    Args:
        declared: The schema before it was fitted.
        schema: The fitted schema.
        seen: The rows that it was fitted to.
        table: The whole table; None where it is not held in memory.
        held: The rows of the source that are held back.
    """

    declared: Schema
    schema: Schema
    seen: Table
    table: Table | None
    held: np.ndarray


def fitted(data: Source, choices: Choices, held: np.ndarray) -> Fitted:
    """Guess what was not said of a table, and fit the schema to its training rows.

    Kinds are those of the whole table; statistics and classes those of the training rows. Of a
    table that is larger than memory, both are those of rows drawn from all over it.

    Raises:
        DataError: If a column cannot be used; all problems at once.
    """
    if data.nbytes > choices.memory:
        seen = drawn(data, choices, held)
        declared = choices.declare(seen)
        return Fitted(declared, declared.fit(seen), seen, None, held)
    table = data.table()
    declared = choices.declare(table)
    seen = table.take(others(len(table), held)) if len(held) else table
    return Fitted(declared, declared.fit(seen), seen, table, held)


def drawn(data: Source, choices: Choices, held: np.ndarray) -> Table:
    """Training rows drawn from all over a source, as many as a quarter of the memory holds."""
    most = max(1, int(choices.memory / 4 / max(1, data.nbytes / data.rows)))
    count = min(choices.sample, max(most, LEAST), data.rows)
    generator = np.random.default_rng([choices.seed, 1])
    rows = np.sort(generator.choice(data.rows, count, replace=False, shuffle=False))
    wanted = rows[~np.isin(rows, held, assume_unique=True)]
    found = [part.take(wanted[inside] - part.first).arrow for part, inside in parts(data, wanted)]
    return Table(pa.concat_tables(found), data.root, places=wanted)


def parts(data: Source, rows: np.ndarray) -> Iterator[tuple[Table, slice]]:
    """The parts of a source that hold some rows, and which of these numbers lie in each."""
    for part in data.parts(part_rows(data)):
        low, high = np.searchsorted(rows, [part.first, part.first + len(part)])
        if high > low:
            yield part, slice(int(low), int(high))


def part_rows(data: Source) -> int:
    """How many rows of a source are read at a time."""
    return int(min(16_384, max(64, PART / max(1, data.nbytes / data.rows))))
