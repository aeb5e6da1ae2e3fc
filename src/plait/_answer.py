"""A model over a table of any length, some rows at a time."""

import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from torch import Tensor

from ._absent import absent, blank
from ._errors import DataError, PlaitWarning, listing
from ._model import Model
from .data import Note, Pack, Source, Table, merged
from .data._cells import plain
from .packing import part_rows
from .schema import Schema
from .training import keep, outputs
from .training._ahead import ahead

IN_MEMORY = 1 << 26
"""Bytes up to which a file of rows to be answered is read at once."""
ORDINARY = re.compile(r"missing|unseen|cut to|items in lists|out of range$|held at the edge")
"""How notes begin of cells that lost nothing but what is usual."""
CHUNK = 16_384
"""Rows that are packed at a time, where they are not too large for that."""


@dataclass(frozen=True)
class Answers:
    """Answers for some rows of a table, in order.

    Args:
        table: The answers, in the user's units.
        notes: What was done to cells that could not be taken as they stood.
    """

    table: pa.Table
    notes: tuple[Note, ...]


def chunks(
    schema: Schema,
    model: Model,
    source: Source,
    columns: Sequence[str] | None = None,
    drop: Collection[str] = (),
    share: tuple[int, int] = (0, 1),
) -> Iterator[tuple[dict[str, Tensor], Pack, Table]]:
    """Raw outputs, packed cells and the rows themselves, some at a time, in order.

    The next rows are read, decoded and packed while the model works on these.

    Args:
        schema: The fitted schema.
        model: The trained model.
        source: The rows.
        columns: Those that are read; left out, all.
        drop: Inputs that are taken as missing in every row.
        share: The number of this process and how many there are, which divide the rows.

    Raises:
        ConfigError: If there is no input of a name to drop.
        DataError: If a column seems misspelled, no input is there, or a cell cannot be read.
    """
    gone = absent(schema, source, drop, model.view)
    if columns is not None:
        columns = [name for name in columns if name in source.names or name not in gone]
    parts = source.parts(min(CHUNK, part_rows(source)), columns, share)
    # The labels of a table that is only to be answered are nobody's business here.
    inputs = [name for name in dict.fromkeys(schema.columns) if name not in gone]

    def packed() -> Iterator[tuple[Pack, Table]]:
        for part in parts:
            bare = part.arrow if columns is None else part.arrow.select(inputs)
            part = replace(part, part=True)  # answers are not withheld for what cannot be read
            # A pretrained encoder is run once for each different cell of the part.
            yield keep(model, schema.pack(blank(replace(part, arrow=bare), gone))), part

    several = source.rows > CHUNK
    for pack, part in ahead(packed(), depth=1) if several else packed():
        yield outputs(model, pack), pack, part


def scored(
    schema: Schema,
    model: Model,
    source: Source,
    drop: Collection[str] = (),
    share: tuple[int, int] = (0, 1),
) -> list[tuple[dict[str, Tensor], Pack]]:
    """Raw outputs beside the labels of the same rows, of all of them or of a share.

    Args:
        schema: The fitted schema.
        model: The trained model.
        source: The rows.
        drop: Inputs that are taken as missing in every row.
        share: The number of this process and how many there are, which divide the rows.

    Raises:
        ConfigError: If there is no input of a name to drop.
        DataError: If a column seems misspelled, no input is there, or a cell cannot be read.
    """
    parts = chunks(schema, model, source, drop=drop, share=share)
    # The inputs have done their part: what is compared is outputs and labels.
    return [(raw, replace(pack, inputs={})) for raw, pack, _ in parts]


def answers(
    schema: Schema,
    model: Model,
    source: Source,
    keep: Iterable[str] = (),
    share: tuple[int, int] = (0, 1),
) -> Iterator[Answers]:
    """Answers part by part, after the columns that are to be kept; memory stays level.

    Args:
        schema: The fitted schema.
        model: The trained model.
        source: The rows; old labels among them are not looked at.
        keep: Columns of the table to put before the answers.
        share: The number of this process and how many there are, which divide the rows.

    Raises:
        DataError: If a column is missing, cannot be read, or is kept under an answer's name.
    """
    kept = list(dict.fromkeys([keep] if isinstance(keep, str) else keep))
    Table(source.schema.empty_table()).require(kept)
    columns = [*dict.fromkeys([*schema.columns, *kept])]
    for raw, pack, part in chunks(schema, model, source, columns, share=share):
        found = schema.decode(raw)
        twice = [name for name in kept if name in found.column_names]
        if twice:
            raise DataError(
                f"A kept column should not bear the name of an answer. Found {listing(twice)}. "
                "Rename it in the table, or do without it: the rows are in the same order."
            )
        cells = {name: _plain(part.arrow.column(name)) for name in kept}
        cells |= dict(zip(found.column_names, found.columns, strict=True))
        yield Answers(pa.table(cells), pack.notes)


def answer(
    schema: Schema,
    model: Model,
    source: Source,
    keep: Iterable[str] = (),
    on_rows: Callable[[int], object] = lambda rows: None,
) -> Answers:
    """Answers for every row, in one table.

    Args:
        schema: The fitted schema.
        model: The trained model.
        source: The rows.
        keep: Columns of the table to put before the answers.
        on_rows: Told after each part how many rows are done.

    Raises:
        DataError: If a column is missing, cannot be read, or is kept under an answer's name.
    """
    tables, notes, done = [], [], 0
    for part in answers(schema, model, source, keep):
        tables.append(part.table)
        notes += part.notes
        done += len(part.table)
        on_rows(done)
    told = merged(notes)
    lost = [str(note) for note in told if not ORDINARY.match(note.what)]
    if lost:
        warnings.warn(
            "Some cells could not be taken as they stood, and were answered without. "
            + "; ".join(lost),
            PlaitWarning,
            stacklevel=3,
        )
    return Answers(pa.concat_tables(tables), told)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # Each part may have a dictionary of its own, which not every format can hold.
    if not pa.types.is_dictionary(column.type):
        return column
    kind = plain(column.type)
    return column.cast(kind).cast(kind.value_type)
