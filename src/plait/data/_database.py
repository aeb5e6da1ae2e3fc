"""Databases that are one file."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from plait._errors import DataError

from ._objects import package
from ._rows import errors_of

ENDINGS = (".sqlite", ".sqlite3", ".db", ".duckdb")


def is_database(path: str) -> bool:
    """Whether a path ends like that of a database."""
    return path.lower().endswith(ENDINGS)


@contextmanager
def database(path: str | Path) -> Generator[Any]:
    """A connection to the database in a file, for reading only.

    Raises:
        DataError: If there is no file, or it is no database of SQLite or DuckDB.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise DataError(f"There is no file {str(path)!r}. Looked in {str(Path.cwd())!r}.")
    with file.open("rb") as opened:
        head = opened.read(16)
    if head[8:12] == b"DUCK":
        connection = _duckdb(file)
    elif head.startswith(b"SQLite format 3"):
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    else:
        raise DataError(f"{str(path)!r} should be a database of SQLite or DuckDB. It is neither.")
    with closing(connection):
        yield connection


def _duckdb(file: Path) -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise DataError(
            f"{str(file)!r} needs the package duckdb. Install it: pip install 'plait[duckdb]'."
        ) from error
    try:
        # A view in the file must not read other files, nor the network, because it was opened.
        return duckdb.connect(str(file), True, {"enable_external_access": "false"})
    except duckdb.Error as error:
        raise DataError(f"{str(file)!r} cannot be opened: {error}") from error


def table_names(connection: Any) -> list[str]:
    """The tables and views of a database of :func:`database`."""
    sql = (
        "SELECT table_name FROM information_schema.tables ORDER BY 1"
        if package(connection) in ("duckdb", "_duckdb")
        else "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite#_%' ESCAPE '#' ORDER BY 1"
    )
    try:
        return [name for (name,) in connection.execute(sql).fetchall()]
    except errors_of(connection) as error:
        raise DataError(f"The database cannot be read: {error}") from error
