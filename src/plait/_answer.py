"""A model over a table of any length, some rows at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
from torch import Tensor

from ._errors import DataError, listing
from ._model import Model
from .data import Note, Pack, Table, merged
from .schema import Schema
from .training import outputs

CHUNK = 16_384
"""Rows that are packed at a time."""


@dataclass(frozen=True)
class Answers:
    """Answers for every row of a table, in order.

    Args:
        table: The answers, in the user's units.
        notes: What was done to cells that could not be taken as they stood.
    """

    table: pa.Table
    notes: tuple[Note, ...]


def chunks(schema: Schema, model: Model, table: Table) -> Iterator[tuple[dict[str, Tensor], Pack]]:
    """Raw outputs and packed cells, some rows at a time."""
    for start in range(0, len(table), CHUNK):
        part = table.arrow.slice(start, CHUNK)
        pack = schema.pack(replace(table, arrow=part, first=table.first + start))
        yield outputs(model, pack), pack


def answer(
    schema: Schema,
    model: Model,
    table: Table,
    keep: Iterable[str] = (),
    on_rows: Callable[[int], object] = lambda rows: None,
) -> Answers:
    """Answers for every row, after the columns that are to be kept.

    Args:
        schema: The fitted schema.
        model: The trained model.
        table: The rows; old labels in it are nobody's business here.
        keep: Columns of the table to put before the answers.
        on_rows: Told after each part how many rows are done.

    Raises:
        DataError: If a column is missing, cannot be read, or is kept under an answer's name.
    """
    kept = [keep] if isinstance(keep, str) else list(keep)
    table.require([*schema.columns, *kept])
    bare = replace(table, arrow=table.arrow.select(list(dict.fromkeys(schema.columns))))
    parts, notes, done = [], [], 0
    for raw, pack in chunks(schema, model, bare):
        parts.append(schema.decode(raw))
        notes += pack.notes
        done += len(pack)
        on_rows(done)
    answers = pa.concat_tables(parts)
    twice = [name for name in kept if name in answers.column_names]
    if twice:
        raise DataError(
            f"A kept column should not bear the name of an answer. Found {listing(twice)}. Rename "
            "it in the table, or do without it: the rows are in the same order."
        )
    columns = {name: table.arrow.column(name) for name in kept}
    columns |= dict(zip(answers.column_names, answers.columns, strict=True))
    return Answers(pa.table(columns), merged(notes))
