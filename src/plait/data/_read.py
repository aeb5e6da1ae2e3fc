"""Files to Arrow tables."""

import glob
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, feather, json, parquet

from plait._errors import DataError, listing

FORMATS = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".arrow", ".feather", ".ipc", ".jsonl",
           ".ndjson")  # fmt: skip


def read(source: str | Path | Sequence[str | Path]) -> tuple[pa.Table, Path]:
    """One file, a glob or a list of files, end to end.

    Args:
        source: Paths. The ending says the format; ``.gz`` behind a text format is fine.

    Returns:
        The table, and the folder of the first file.

    Raises:
        DataError: If a file does not exist, cannot be read, or the files do not fit together.
    """
    paths = _paths(source)
    tables = [_one(path) for path in paths]
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"Files read as one table should have the same columns. {error} "
            f"Files: {listing([str(p) for p in paths])}."
        ) from error
    return table, paths[0].parent


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


def _one(path: Path) -> pa.Table:
    ending = next((s for s in reversed(path.suffixes) if s.lower() != ".gz"), "").lower()
    try:
        if ending in (".csv", ".tsv", ".txt"):
            return _csv(path, "\t" if ending == ".tsv" else ",")
        if ending in (".parquet", ".pq"):
            return parquet.read_table(path)
        if ending in (".arrow", ".feather", ".ipc"):
            return feather.read_table(path, memory_map=True)
        if ending in (".jsonl", ".ndjson"):
            return json.read_json(path)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{str(path)!r} cannot be read as {ending}: {error}") from error
    raise DataError(
        f"{str(path)!r} should end in one of {', '.join(FORMATS)}. Found {path.suffix!r}."
    )


def _csv(path: Path, delimiter: str) -> pa.Table:
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    types: dict[str, pa.DataType] = {}
    while True:
        try:
            convert = csv.ConvertOptions(column_types=types)
            table = csv.read_csv(path, parse_options=parse, convert_options=convert)
        except pa.ArrowInvalid as error:
            # The type of a column is guessed from its first block; a later cell may not fit it.
            column = re.search(r"In CSV column #(\d+)", str(error))
            if not column:
                raise
            name = csv.open_csv(path, parse_options=parse).schema.names[int(column[1])]
            if types.get(name) == pa.string():
                raise
            types[name] = pa.string()
            continue
        codes = _leading_zeros(path, parse, table, set(types))
        if not codes:
            return table
        types |= dict.fromkeys(codes, pa.string())


def _leading_zeros(
    path: Path, parse: csv.ParseOptions, table: pa.Table, known: set[str]
) -> list[str]:
    # 02134 is a code, and its zero is lost once it has been read as a number.
    whole = [f.name for f in table.schema if pa.types.is_integer(f.type) and f.name not in known]
    if not whole or len(set(table.column_names)) < table.num_columns:
        return []
    convert = csv.ConvertOptions(
        include_columns=whole, column_types=dict.fromkeys(whole, pa.string())
    )
    block = csv.open_csv(path, parse_options=parse, convert_options=convert).read_next_batch()
    return [
        name for name in whole if pc.any(pc.match_substring_regex(block[name], r"^0\d")).as_py()
    ]
