"""Tables of answers to a file, part by part, whole or not at all."""

import base64
import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plait._errors import UserError

from ._crew import Crew
from ._place import draft, offered, piece
from ._show import plain

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".csv", ".parquet", ".arrow", ".feather", ".jsonl")
TEXT = (".csv", ".jsonl")
BLOCK = 8_192
COPIED = 1 << 22
OPENED = "opened"
"""Said by the process that makes the file, once it clears away whatever happens."""

Write = Callable[["pa.Table"], object]
Kind = Callable[[Path], AbstractContextManager[Write]]


@contextmanager
def writer(target: Path, crew: Crew | None = None) -> Generator[Write]:
    """A function that puts the rows of a table into a file, in the format that its ending says.

    The file appears under its name when all went well. Of several processes each writes a piece
    beside it, and the first puts the pieces together as soon as all are there: the file is what
    one process would have written.

    Args:
        target: The file.
        crew: The processes that write it; left out, this one.

    Raises:
        UserError: If the format cannot hold a column.
    """
    import pyarrow as pa

    ending, crew = target.suffix.lower(), crew or Crew()
    kind = {".csv": _csv, ".parquet": _parquet, ".jsonl": _json_lines}.get(ending, _arrow)
    made = _made(target, kind, crew) if crew.first else _piece_of(target, kind, crew)
    theirs: list[BaseException] = []
    try:
        with made as write:
            try:
                yield _guarded(write, target)
            except BaseException as error:
                theirs.append(error)  # of those who ask for the rows, not of this file
                raise
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UserError(
            f"The answers cannot be written as {ending}: {error}. Choose another format, or keep "
            "fewer columns."
        ) from error
    except OSError as error:
        if error in theirs:
            raise
        raise _no_room(target, error) from error


def _guarded(write: Write, target: Path) -> Write:
    def guarded(table: "pa.Table") -> None:
        try:
            write(table)
        except OSError as error:
            raise _no_room(target, error) from error

    return guarded


def _no_room(target: Path, error: OSError) -> UserError:
    why = os.strerror(error.errno) if error.errno else str(error).rstrip(".")
    return UserError(
        f"The answers could not be written to {str(target)!r}: {why}. Nothing "
        "is left of them. Choose a place that is writable and has room."
    )


@contextmanager
def _made(target: Path, kind: Kind, crew: Crew) -> Generator[Write]:
    mark, text = crew.mark(), target.suffix.lower() in TEXT
    with draft(target, mark) as file:
        if crew.size > 1:
            crew.say(OPENED)
        with kind(file) as write:
            yield write
            for place, size in () if text else _pieces(target, mark, crew):
                for table in _tables(place, size):
                    write(table)
        if text and crew.size > 1:
            with file.open("ab") as whole:
                for place, _ in _pieces(target, mark, crew):
                    with place.open("rb") as rows:
                        shutil.copyfileobj(rows, whole, COPIED)


@contextmanager
def _piece_of(target: Path, kind: Kind, crew: Crew) -> Generator[Write]:
    # Text is put together as it is; in other formats the foot knows where rows are.
    kind = {_csv: _csv_without_names, _json_lines: _json_lines}.get(kind, _stream)
    sizes: list[int] = []
    crew.hear(OPENED)  # from here on the first process clears away what others may leave
    with offered(target, crew.mark(), crew.rank) as file:
        with kind(file) as write:
            yield lambda table: (sizes.append(table.num_rows), write(table))
        crew.say(f"written-{crew.rank}", str(max(sizes, default=0)))
        crew.end()


def _pieces(target: Path, mark: str, crew: Crew) -> Iterator[tuple[Path, int]]:
    """What other processes have written, in order, and the rows of a part; it is cleared away."""
    for rank in range(1, crew.size):
        size, place = int(crew.hear(f"written-{rank}")), piece(target, mark, rank)
        if size and not place.exists():
            raise UserError(
                f"All processes should write to one folder. Process {rank} has written "
                f"{str(place)!r}, which process 0 does not find. Choose a folder that all see."
            )
        if size:
            yield place, size
        place.unlink(missing_ok=True)


def _tables(file: Path, size: int) -> Iterator["pa.Table"]:
    import pyarrow as pa

    from plait.data._together import rebatched

    with pa.OSFile(str(file)) as raw, pa.ipc.open_stream(raw) as reader:
        yield from rebatched((pa.Table.from_batches([batch]) for batch in reader), size)


@contextmanager
def _stream(file: Path) -> Generator[Write]:
    import pyarrow as pa

    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with _opened(lambda schema: pa.ipc.new_stream(file, schema, options=options)) as write:
        yield write


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
def _csv(file: Path, names: bool = True) -> Generator[Write]:
    from pyarrow import csv

    options = csv.WriteOptions(include_header=names)
    with _opened(lambda schema: csv.CSVWriter(file, schema, write_options=options), _flat) as write:
        yield write


def _csv_without_names(file: Path) -> AbstractContextManager[Write]:
    return _csv(file, names=False)


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
