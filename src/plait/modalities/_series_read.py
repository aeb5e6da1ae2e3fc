"""The cells of series, however they are written, to measurements."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError, SchemaError, listing, suggestion
from plait.data import Note, Table
from plait.data._cells import is_list, texts

from ._series_cells import Entries, entries_of, is_entry, kept, lists_of, times_of, values_of
from ._series_events import Events
from ._series_reading import Reading
from ._series_roles import Roles


def read(table: Table, roles: Roles) -> Reading:
    """All measurements of a table.

    Raises:
        DataError: If cells are no series, or lists of a row that belong together differ in length.
        SchemaError: If a role is given to a column or a field that is not there.
    """
    cells = {column: lists_of(table[column], column) for column in roles.columns}
    notes = [Note(c, "missing", each.null_count) for c, each in cells.items() if each.null_count]
    if len(cells) == 1:
        (column,) = cells
        inner = cells[column].type.value_type
        if pa.types.is_struct(inner):
            return _from_fields(column, entries_of(cells[column]), roles, notes)
        if is_list(inner):
            return _from_matrices(column, cells[column], roles, notes)
    nested = [c for c, each in cells.items() if not is_entry(each.type.value_type)]
    if nested:
        raise SchemaError(
            f"A series of more than one number at a time should have one column. Found "
            f"{list(cells)}. Make each an input of its own."
        )
    return _side_by_side(table, cells, roles, notes)


def _from_fields(column: str, entries: Entries, roles: Roles, notes: list[Note]) -> Reading:
    fields = entries.fields
    roles = Roles(
        tuple(fields),
        _field(column, roles.time, "time", fields),
        _field(column, roles.variable, "variable", fields),
        _field(column, roles.value, "value", fields),
    )
    if roles.variable is not None:
        return _named(column, entries, roles, notes)
    parts = {name: replace(entries, fields={"": each}) for name, each in fields.items()}
    return _wide(parts, roles, notes)


def _field(column: str, said: str | None, usual: str, fields: Mapping[str, pa.Array]) -> str | None:
    if said is not None and said not in fields:
        raise SchemaError(
            f"`{usual}` should name a field of the cells of {column!r}: {listing(list(fields))}. "
            f"Got {said!r}.{suggestion(said, fields)}"
        )
    return said or (usual if usual in fields else None)


def _from_matrices(column: str, cells: pa.Array, roles: Roles, notes: list[Note]) -> Reading:
    if roles.time or roles.variable or roles.value:
        raise SchemaError(
            f"The lists of lists of {column!r} have no names for `time`, `variable` or `value` to "
            "point to. Leave these out, or give the times as a field or a column of their own."
        )
    outer = entries_of(cells)
    inner = entries_of(outer.fields[""])
    if not is_entry(inner.fields[""].type):
        raise DataError(
            f"The cells of the series {column!r} should be lists of numbers, or lists of such "
            f"lists. Found {cells.type}. Flatten them first."
        )
    entries = Entries(outer.row[inner.row], outer.place[inner.row], inner.fields)
    width = int(inner.place.max()) + 1 if len(inner.place) else 0
    values, lost = values_of(column, entries.fields[""])
    time = entries.place.astype(np.float64)
    events, more = kept(column, entries.row, inner.place, time, values, lost)
    return Reading(events, tuple(map(str, range(width))), None, (*notes, *more))


def _side_by_side(
    table: Table, cells: dict[str, pa.Array], roles: Roles, notes: list[Note]
) -> Reading:
    for name in (roles.time, roles.variable, roles.value):
        if name is not None and name not in cells:
            raise SchemaError(
                f"`time`, `variable` and `value` should each be one of the columns of the input: "
                f"{list(cells)}. Got {name!r}.{suggestion(name, cells)} Add it to `columns`."
            )
    leader = roles.time or roles.variable
    if leader is not None:
        lengths = pc.list_value_length(cells[leader])
        for column, each in cells.items():
            differ = pc.not_equal(pc.list_value_length(each), pc.fill_null(lengths, -1))
            rows = table.numbers(np.flatnonzero(pc.fill_null(differ, False)))
            if len(rows):
                raise DataError(
                    f"The lists of {column!r} and {leader!r} should be equally long in each row. "
                    f"They differ in {len(rows):,} rows: {listing(rows.tolist())}. Mend these "
                    "cells, or empty both."
                )
    entries = {column: entries_of(each) for column, each in cells.items()}
    if roles.variable is None:
        return _wide(entries, roles, notes)
    fields = {column: each.fields[""] for column, each in entries.items()}
    if len({len(each) for each in fields.values()}) > 1:
        counts = {column: each.null_count for column, each in cells.items()}
        raise DataError(
            f"The columns {list(cells)} of one series should be empty in the same rows. Found "
            f"{counts} empty cells. Empty all of them in such a row."
        )
    return _named(roles.columns[0], replace(entries[roles.variable], fields=fields), roles, notes)


def _wide(entries: Mapping[str, Entries], roles: Roles, notes: list[Note]) -> Reading:
    """Each column or field a channel; a cell that is empty takes nothing from the others."""
    names = tuple(column for column in entries if column != roles.time)
    stamps, clock = None, None
    if roles.time is not None:
        stamps, clock = times_of(roles.time, entries[roles.time].fields[""])
    events = []
    for channel, column in enumerate(names):
        each = entries[column]
        time = each.place.astype(np.float64)
        if stamps is not None and roles.time is not None:
            time = stamps[np.isin(entries[roles.time].row, each.row)]
        values, lost = values_of(column, each.fields[""])
        numbered = np.full(len(time), channel)
        found, more = kept(column, each.row, numbered, time, values, lost)
        events.append(found)
        notes = [*notes, *more]
    return Reading(Events.joined(events), names, clock, tuple(notes))


def _named(column: str, entries: Entries, roles: Roles, notes: list[Note]) -> Reading:
    """One measurement an entry, with the name of what was measured."""
    assert roles.variable is not None, "there are names"
    fields, clock = entries.fields, None
    time = entries.place.astype(np.float64)
    if roles.time is not None:
        time, clock = times_of(roles.time, fields[roles.time])
    rest = [name for name in fields if name not in (roles.time, roles.variable)]
    value = roles.value or next(iter(rest), None)
    if value is None:
        raise SchemaError(
            f"The series {column!r} should have numbers beside the names in {roles.variable!r}. "
            f"Found {list(fields)}. Say which are the numbers: `value=...`."
        )
    coded = texts(fields[roles.variable]).dictionary_encode()
    channel = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    values, lost = values_of(column, fields[value])
    named = channel >= 0
    found, more = kept(column, entries.row, channel, time, values, lost)
    unnamed = Note(column, "measurements without a name", int((~named).sum()))
    notes = [*notes, *([unnamed] if unnamed.count else []), *more]
    events = found.take(found.channel >= 0)
    return Reading(events, tuple(coded.dictionary.to_pylist()), clock, tuple(notes))
