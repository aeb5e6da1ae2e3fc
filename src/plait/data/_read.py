"""Files to Arrow tables."""

import glob
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import feather, json, parquet

from plait._errors import DataError, listing, together

from ._cells import is_string
from ._csv import BLOCK, not_utf8, read_csv

FORMATS = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".arrow", ".feather", ".ipc", ".jsonl",
           ".ndjson")  # fmt: skip
DELIMITED = (".csv", ".tsv", ".txt")


def read(source: str | Path | Sequence[str | Path]) -> tuple[pa.Table, Path | None]:
    """One file, a glob or a list of files, end to end.

    Args:
        source: Paths. The ending says the format; ``.gz`` behind a text format is fine.

    Returns:
        The table, and the folder of the files; None where they lie in several.

    Raises:
        DataError: If a file does not exist, cannot be read, or the files do not fit together.
    """
    paths = _paths(source)
    tables = [_one(path) for path in paths]
    if len(tables) == 1:
        return tables[0], paths[0].parent
    _refuse_strangers(paths, tables)
    text = _text_somewhere(tables)
    if text:
        tables = [
            _one(path, text) if _ending(path) in DELIMITED else table
            for path, table in zip(paths, tables, strict=True)
        ]
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"Files read as one table should have the same columns. {error} "
            f"Files: {listing([str(p) for p in paths])}."
        ) from error
    folders = {path.resolve().parent for path in paths}
    # The same relative path may mean another picture in each folder: then there is no one root.
    return table, paths[0].parent if len(folders) == 1 else None


def _refuse_strangers(paths: Sequence[Path], tables: Sequence[pa.Table]) -> None:
    first = tables[0].column_names
    problems = [
        f"Files read as one table should have the same columns. {str(path)!r} differs from "
        f"{str(paths[0])!r} in {listing(odd)}. Rename them, or read the files one by one."
        for path, table in zip(paths, tables, strict=True)
        if (odd := sorted(set(first) ^ set(table.column_names)))
    ]
    together(problems[:5])


def _text_somewhere(tables: Sequence[pa.Table]) -> set[str]:
    # A file of which the codes happen to look like numbers must fit one where they do not.
    kinds: dict[str, set[bool]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(is_string(field.type))
    return {name for name, found in kinds.items() if len(found) == 2}


def _paths(source: str | Path | Sequence[str | Path]) -> list[Path]:
    paths = []
    for item in [source] if isinstance(source, str | Path) else source:
        path = Path(item).expanduser()
        found = [path] if path.exists() else [Path(p) for p in sorted(glob.glob(str(path)))]
        if not found:
            raise DataError(f"There is no file {str(item)!r}. Looked in {str(Path.cwd())!r}.")
        paths += found
    folders = [str(path) for path in paths if path.is_dir()]
    if folders:
        raise DataError(
            f"A table should be a file. Found a folder: {listing(folders)}. "
            f"Name its files with a glob, for example {folders[0] + '/*.parquet'!r}."
        )
    if not paths:
        raise DataError("A list of files should not be empty.")
    return paths


def _one(path: Path, text: Collection[str] = ()) -> pa.Table:
    ending = _ending(path)
    try:
        if ending in DELIMITED:
            return read_csv(path, _delimiter(path, ending), text)
        if ending in (".parquet", ".pq"):
            return _columns(parquet.read_table(path))
        if ending in (".arrow", ".feather", ".ipc"):
            return _columns(_ipc(path))
        if ending in (".jsonl", ".ndjson"):
            return _json(path)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{str(path)!r} cannot be read as {ending}: {error}") from error
    raise DataError(
        f"{str(path)!r} should end in one of {', '.join(FORMATS)}. Found {path.suffix!r}."
    )


def _ending(path: Path) -> str:
    return next((s for s in reversed(path.suffixes) if s.lower() != ".gz"), "").lower()


def _delimiter(path: Path, ending: str) -> str:
    with pa.input_stream(str(path)) as stream:
        header = stream.read(1 << 16)
    if header[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise not_utf8(path, "Found UTF-16.")
    if ending == ".tsv":
        return "\t"
    line = re.sub(rb'"[^"]*"', b"", header).partition(b"\n")[0]
    # A comma, unless the names are divided by something else and by no comma at all.
    return next((d for d in (",", ";", "\t", "|") if d.encode() in line), ",")


def _ipc(path: Path) -> pa.Table:
    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith((b"ARROW1", b"FEA1")):
        return feather.read_table(path, memory_map=True)
    # Arrow's other form, a stream: it has no magic at its head.
    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()


def _columns(table: pa.Table) -> pa.Table:
    # An index without a name, which pandas has written beside the columns.
    index = [name for name in table.column_names if re.fullmatch(r"__index_level_\d+__", name)]
    return table.drop_columns(index)


def _json(path: Path) -> pa.Table:
    block = BLOCK
    while True:
        try:
            return json.read_json(path, json.ReadOptions(block_size=block))
        except pa.ArrowInvalid as error:
            if "straddl" not in str(error) or block >= 1 << 30:
                raise
            block *= 8
