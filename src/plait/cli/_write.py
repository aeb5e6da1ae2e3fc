"""Tables of answers to a file, part by part, whole or not at all."""

import base64
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plait._errors import UserError

from ._place import draft
from ._show import plain

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".csv", ".parquet", ".arrow", ".feather", ".jsonl")
BLOCK = 8_192

Write = Callable[["pa.Table"], object]


@contextmanager
def writer(target: Path) -> Generator[Write]:
    """A function that puts the rows of a table into a file, in the format that its ending says.

    The file appears under its name when all went well.

    Raises:
        UserError: If the format cannot hold a column.
    """
    import pyarrow as pa

    ending = target.suffix.lower()
    kind = {".csv": _csv, ".parquet": _parquet, ".jsonl": _json_lines}.get(ending, _arrow)
    try:
        with draft(target) as file, kind(file) as write:
            yield write
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UserError(
            f"The answers cannot be written as {ending}: {error}. Choose another format, or keep "
            "fewer columns."
        ) from error


@contextmanager
def _parquet(file: Path) -> Generator[Write]:
    from pyarrow import parquet

    with _opened(lambda schema: parquet.ParquetWriter(file, schema)) as write:
        yield write


@contextmanager
def _arrow(file: Path) -> Generator[Write]:
    import pyarrow as pa

    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with _opened(lambda schema: pa.ipc.new_file(file, schema, options=options)) as write:
        yield write


@contextmanager
def _csv(file: Path) -> Generator[Write]:
    from pyarrow import csv

    with _opened(lambda schema: csv.CSVWriter(file, schema), _flat) as write:
        yield write


@contextmanager
def _json_lines(file: Path) -> Generator[Write]:
    with file.open("w", encoding="utf-8") as lines:

        def write(table: "pa.Table") -> None:
            for batch in table.to_batches(max_chunksize=BLOCK):
                lines.writelines(_line(row) + "\n" for row in batch.to_pylist())

        yield write


@contextmanager
def _opened(
    begin: Callable[["pa.Schema"], Any], form: Callable[["pa.Table"], "pa.Table"] = lambda t: t
) -> Generator[Write]:
    # The columns are known with the first rows, and the file is begun with them.
    begun: list[Any] = []

    def write(table: "pa.Table") -> None:
        table = form(table)
        if not begun:
            begun.append(begin(table.schema))
        begun[0].write_table(table)

    try:
        yield write
    finally:
        for each in begun:
            each.close()


def _flat(table: "pa.Table") -> "pa.Table":
    """One column for each class, and lists as JSON: a cell of CSV can hold no more."""
    import pyarrow as pa

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
    return table


def _line(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, default=_cell)


def _cell(cell: Any) -> Any:
    # Bytes as base64; days and moments as they are usually written.
    return base64.b64encode(cell).decode() if isinstance(cell, bytes) else (
        cell if isinstance(cell, list) or cell is None else str(cell)
    )  # fmt: skip
