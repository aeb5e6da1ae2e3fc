"""Tables that lack inputs of the model that is asked."""

import warnings
from collections.abc import Collection
from dataclasses import replace

import pyarrow as pa

from ._errors import ConfigError, PlaitWarning, listing, suggestion, together
from ._model import View
from .data import Source, Table
from .schema import Schema


def absent(
    schema: Schema, source: Source, drop: Collection[str] = (), view: View | None = None
) -> tuple[str, ...]:
    """The columns of the inputs that are not there, or are not to be looked at.

    A column that a table does not have is taken as one whose every cell is empty, and a warning
    says so. Where a column of nearly the same name is there, it looks like a slip, and is refused.

    Args:
        schema: The fitted schema.
        source: The rows.
        drop: Inputs, or single columns of one, that are to be taken as missing.
        view: The inputs that the model looks at; None for all. Nobody misses the others.

    Raises:
        ConfigError: If there is no input of such a name to drop, or none is left.
        DataError: If a name looks misspelled, or no input is left at all.
    """
    dropped = _dropped(schema, drop)
    seen = [part for name, part in schema.inputs.items() if view is None or name in view]
    names = list(dict.fromkeys(column for part in seen for column in part.columns))
    gone = [name for name in names if name not in source.names and name not in dropped]
    unread = [name for name in schema.columns if name not in {*names, *source.names}]
    spare = [name for name in source.names if name not in schema.columns]
    slips = [name for name in gone if suggestion(name, spare)]
    if slips or not set(names) - {*gone, *dropped}:
        bare = source.schema.empty_table()
        if gone:
            Table(bare).require(slips or gone)
        raise ConfigError(
            f"At least one column of the inputs should be left. All were dropped: {listing(names)}."
        )
    if gone:
        warnings.warn(
            f"The table has no column {listing(gone)}. Every row is answered as if these cells "
            "were empty.",
            PlaitWarning,
            stacklevel=2,
        )
    return tuple(dict.fromkeys([*dropped, *gone, *unread]))


def blank(table: Table, columns: Collection[str]) -> Table:
    """The table with nothing in some columns, whether they were there or not."""
    arrow = table.arrow
    for name in columns:
        nothing = pa.nulls(len(arrow))
        place = arrow.schema.get_field_index(name)
        arrow = (
            arrow.append_column(name, nothing)
            if place < 0
            else arrow.set_column(place, name, nothing)
        )
    return replace(table, arrow=arrow)


def _dropped(schema: Schema, drop: Collection[str]) -> list[str]:
    columns, problems = [], []
    known = [*schema.inputs, *schema.columns]
    for name in dict.fromkeys([drop] if isinstance(drop, str) else drop):
        if name in schema.inputs:
            columns += schema.inputs[name].columns
        elif name in schema.columns:
            columns.append(name)
        else:
            problems.append(f"There is no input {name!r} to drop.{suggestion(name, known)}")
    together(problems, ConfigError)
    return list(dict.fromkeys(columns))
