"""Tables of the same columns, of which the types differ."""

import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError

from ._cells import is_bytes, is_number, is_string, normal, texts
from ._together import end_to_end


def wider(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """Types that hold the cells of both; text where nothing else does.

    Raises:
        DataError: If one holds text and the other bytes.

    Example:
        >>> wider(pa.schema({"a": pa.int64()}), pa.schema({"a": pa.string()})).field("a").type
        DataType(large_string)
    """
    fields = []
    for ours, theirs in zip(one, other, strict=True):
        kinds = [each.type for each in (ours, theirs) if not pa.types.is_null(each.type)]
        decimals = [pa.types.is_decimal(kind) for kind in kinds]
        if any(decimals) and not all(decimals):
            # The decimals that Arrow would take for both are not always wide enough for both.
            ours, theirs = (_as_float(field) for field in (ours, theirs))
        try:
            both = pa.unify_schemas(
                [pa.schema([ours]), pa.schema([theirs])], promote_options="permissive"
            )
            fields.append(both.field(0))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            if is_bytes(ours.type) or is_bytes(theirs.type):
                raise DataError(
                    f"The cells of {ours.name!r} should be of one type. Found bytes among others. "
                    "Leave the column out, or cast it."
                ) from error
            fields.append(pa.field(ours.name, pa.large_string()))
    return pa.schema(fields)


def _as_float(field: pa.Field) -> pa.Field:
    return field.with_type(pa.float64()) if is_number(field.type) else field


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same cells, with these types, which must be wide enough for them."""
    columns = [table.column(field.name) for field in schema]
    if all(column.type == field.type for column, field in zip(columns, schema, strict=True)):
        return pa.table(columns, schema=schema)
    for number, field in enumerate(schema):
        kind = columns[number].type
        if is_string(field.type) and not (is_string(kind) or pa.types.is_null(kind)):
            columns[number] = texts(normal(columns[number])).cast(field.type)
        elif pa.types.is_floating(field.type) and is_number(kind):
            columns[number] = pc.cast(columns[number], field.type, safe=False)
    fit = pa.table(columns, names=schema.names)
    return pa.concat_tables([schema.empty_table(), fit], promote_options="permissive")


def as_one(tables: list[pa.Table]) -> pa.Table:
    """Tables of the same columns end to end, with types that hold the cells of all."""
    schema = tables[0].schema
    for table in tables[1:]:
        schema = wider(schema, table.schema)
    return end_to_end([fitted(table, schema) for table in tables])
