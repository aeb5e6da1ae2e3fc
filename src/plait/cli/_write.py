"""A table of answers to a file, whole or not at all."""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plait._errors import UserError

from ._place import draft
from ._show import plain

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".csv", ".parquet", ".arrow", ".feather", ".jsonl")
BLOCK = 8_192


def write(table: "pa.Table", target: Path) -> None:
    """Write a table in the format that the file's ending says.

    Raises:
        UserError: If the format cannot hold a column.
    """
    import pyarrow as pa
    from pyarrow import feather, parquet

    ending = target.suffix.lower()
    try:
        with draft(target) as file:
            if ending == ".csv":
                _csv(table, file)
            elif ending == ".parquet":
                parquet.write_table(table, file)
            elif ending == ".jsonl":
                _json_lines(table, file)
            else:
                feather.write_feather(table, str(file))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UserError(
            f"The answers cannot be written as {ending}: {error}. Choose another format, or keep "
            "fewer columns."
        ) from error


def _csv(table: "pa.Table", file: Path) -> None:
    """One column for each class, and lists as JSON: a cell of CSV can hold no more."""
    import pyarrow as pa
    from pyarrow import csv

    from plait.data._cells import is_bytes, is_list

    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    for at, field in enumerate(table.schema):
        if is_list(field.type) or is_bytes(field.type):
            cells = [
                None if cell is None else cell if isinstance(cell, str) else _line(cell)
                for cell in map(_cell, table.column(at).to_pylist())
            ]
            table = table.set_column(at, field.name, pa.array(cells, pa.string()))
    csv.write_csv(table, str(file))


def _json_lines(table: "pa.Table", file: Path) -> None:
    with file.open("w", encoding="utf-8") as lines:
        for batch in table.to_batches(max_chunksize=BLOCK):
            lines.writelines(_line(row) + "\n" for row in batch.to_pylist())


def _line(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, default=_cell)


def _cell(cell: Any) -> Any:
    # Bytes as base64; days and moments as they are usually written.
    return base64.b64encode(cell).decode() if isinstance(cell, bytes) else (
        cell if isinstance(cell, list) or cell is None else str(cell)
    )  # fmt: skip
