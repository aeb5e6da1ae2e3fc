"""Whole files to Arrow tables."""

import re
from collections.abc import Collection, Sequence

import pyarrow as pa
from pyarrow import feather, json, parquet

from plait._errors import DamagedError, DataError, listing, together

from ._cells import is_string
from ._csv import BLOCK, not_utf8, read_csv
from ._depth import check_depth
from ._file import File
from ._objects import refuse_twice

PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")
DELIMITED = (".csv", ".tsv", ".txt")
LINES = (".jsonl", ".ndjson")
FORMATS = (*DELIMITED, *PARQUET, *ARROW, *LINES)

UNREADABLE = (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowTypeError, pa.ArrowIndexError,
              pa.ArrowNotImplementedError, OSError, UnicodeDecodeError)  # fmt: skip
"""What is raised for files that are not what their name says."""


def read(files: Sequence[File]) -> pa.Table:
    """Files, end to end.

    Args:
        files: At least one. The ending says the format; ``.gz`` behind a text format is fine.

    Raises:
        DataError: If a file cannot be read, or the files do not fit together.
    """
    files = [file.fetched() if file.ending in (*DELIMITED, *LINES) else file for file in files]
    tables = [_one(file) for file in files]
    if len(tables) == 1:
        return tables[0]
    refuse_strangers(files, [table.column_names for table in tables])
    text = _text_somewhere(tables)
    if text:
        tables = [
            _one(file, text) if file.ending in DELIMITED else table
            for file, table in zip(files, tables, strict=True)
        ]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise misfits(files, error) from error


def refuse_strangers(files: Sequence[File], names: Sequence[Sequence[str]]) -> None:
    """Check that all files have the same columns.

    Raises:
        DataError: If one has others.
    """
    problems = [
        f"Files read as one table should have the same columns. {str(file)!r} differs from "
        f"{str(files[0])!r} in {listing(odd)}. Rename them, or read the files one by one."
        for file, own in zip(files, names, strict=True)
        if (odd := sorted(set(names[0]) ^ set(own)))
    ]
    together(problems[:5])


def misfits(files: Sequence[File], error: Exception) -> DataError:
    """The error for files of which a column is of types that do not go together."""
    return DataError(
        f"Files read as one table should have the same columns. {error} "
        f"Files: {listing([str(file) for file in files])}."
    )


def unreadable(file: File, error: Exception) -> DamagedError:
    """The error for a file that is not what its name says."""
    return DamagedError(
        f"{str(file)!r} cannot be read as {file.ending}: {str(error).rstrip('.')}. Mend it, "
        "take another copy, or give it the ending of what it holds."
    )


def is_index(name: str) -> bool:
    """An index without a name, which pandas has written beside the columns."""
    return re.fullmatch(r"__index_level_\d+__", name) is not None


def _text_somewhere(tables: Sequence[pa.Table]) -> set[str]:
    # A file of which the codes happen to look like numbers must fit one where they do not.
    kinds: dict[str, set[bool]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(is_string(field.type))
    return {name for name, found in kinds.items() if len(found) == 2}


def _one(file: File, text: Collection[str] = ()) -> pa.Table:
    ending = file.ending
    try:
        if ending in DELIMITED:
            return read_csv(file, _delimiter(file), text)
        if ending in PARQUET:
            with file.anywhere() as opened:
                refuse_twice(parquet.read_schema(opened).names)
                return _columns(parquet.read_table(opened))
        if ending in ARROW:
            return _columns(_ipc(file))
        if ending in LINES:
            return _json(file)
    except UNREADABLE as error:
        raise unreadable(file, error) from error
    raise DataError(f"{str(file)!r} should end in one of {', '.join(FORMATS)}. Found {ending!r}.")


def _delimiter(file: File) -> str:
    with file.stream() as stream:
        header = stream.read(1 << 16)
    if header[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise not_utf8(file, "Found UTF-16.")
    if file.ending == ".tsv":
        return "\t"
    line = re.sub(rb'"[^"]*"', b"", header).partition(b"\n")[0]
    # A comma, unless the names are divided by something else and by no comma at all.
    return next((d for d in (",", ";", "\t", "|") if d.encode() in line), ",")


def _ipc(file: File) -> pa.Table:
    with file.anywhere() as opened:
        magic = opened.read(6)
    # It is not mapped into memory: whoever cuts a mapped file short ends the process (SIGBUS).
    if magic.startswith((b"ARROW1", b"FEA1")):
        near = file.system is None
        return feather.read_table(file.path if near else file.anywhere(), memory_map=False)
    # Arrow's other form, a stream: it has no magic at its head.
    with file.anywhere() as opened, pa.ipc.open_stream(opened) as reader:
        return reader.read_all()


def _columns(table: pa.Table) -> pa.Table:
    return table.drop_columns([name for name in table.column_names if is_index(name)])


def _json(file: File) -> pa.Table:
    with file.stream() as stream:
        try:
            check_depth(stream.read)
        except ValueError as error:
            raise unreadable(file, error) from error
    block = BLOCK
    while True:
        try:
            return json.read_json(file.stream(), json.ReadOptions(block_size=block))
        except pa.ArrowInvalid as error:
            if "straddl" not in str(error) or block >= 1 << 30:
                raise
            block *= 8
