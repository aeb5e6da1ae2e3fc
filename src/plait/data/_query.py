"""A question to a database."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from plait._errors import DataError, listing

from ._database import ENDINGS, database, is_database, table_names
from ._rows import answered

READS = ("select", "with", "values", "from", "table")
"""How a statement begins that reads and does not write."""

ASIDE = r"(?s:\$(\w*)\$.*?\$\1\$)|'[^']*'|\"[^\"]*\"|--[^\n]*|(?s:/\*.*?\*/)"

MORE = r"(?i);\s*[^\s;]|\b(insert\s+into|delete\s+from|update\s+\S+\s+set|merge\s+into|copy)\b"
"""A second statement, or one that writes."""


@dataclass(frozen=True)
class Query:
    """A question to a database, whose answer is a table.

    Use it wherever a table is taken. For a large answer, prefer a connection that speaks Arrow
    (DuckDB, ADBC) or a Parquet file: others hand over every cell as an object of Python.

    Args:
        sql: One statement that reads: ``SELECT ...`` or ``WITH ...``.
        connection: The path of an SQLite or DuckDB file, which is opened for reading only, or an
            open connection: of ADBC, or any that follows Python's DB-API.

    Raises:
        DataError: If ``sql`` is not one statement that reads.

    Example:
        >>> import sqlite3
        >>> connection = sqlite3.connect(":memory:")
        >>> _ = connection.execute("CREATE TABLE homes AS SELECT 'Bergen' AS city, 4 AS rooms")
        >>> from plait.data import Table
        >>> Table.of(Query("SELECT rooms FROM homes", connection))["rooms"].to_pylist()
        [4]
        >>> connection.close()
    """

    sql: str
    connection: Any

    def __post_init__(self) -> None:
        # A semicolon in quotes or in a comment ends nothing.
        bare = re.sub(ASIDE, " ", self.sql)
        first = re.match(r"[\s(]*(\w+)", bare)
        if not first or first[1].lower() not in READS or re.search(MORE, bare):
            raise DataError(
                f"A query should be one statement that reads, such as SELECT or WITH. "
                f"Found {self.sql[:80]!r}."
            )

    @classmethod
    def of(cls, data: object) -> "Query | None":
        """What is a query, written ``FILE.sqlite::SELECT ...``, or a database with one table.

        Raises:
            DataError: If it is a database with several tables.
        """
        if isinstance(data, Query):
            return data
        if not isinstance(data, str | Path):
            return None
        endings = "|".join(re.escape(ending) for ending in ENDINGS)
        parts = re.fullmatch(rf"(.+?(?:{endings}))(?:::(.*))?", str(data), re.DOTALL | re.I)
        if not parts or not is_database(parts[1]):
            return None
        return cls(parts[2] or _everything(parts[1]), parts[1])

    @property
    def folder(self) -> Path | None:
        """The folder of the database, where it is a file."""
        if isinstance(self.connection, str | Path):
            return Path(self.connection).expanduser().parent
        return None

    def tables(self) -> Iterator[pa.Table]:
        """The answer, some rows at a time. Its types may differ from one part to another.

        Raises:
            DataError: If the database does not answer.
        """
        if isinstance(self.connection, str | Path):
            with database(self.connection) as connection:
                yield from answered(connection, self.sql)
        else:
            yield from answered(self.connection, self.sql)


def _everything(path: str) -> str:
    with database(path) as connection:
        names = table_names(connection)
    if len(names) != 1:
        raise DataError(
            f"{path!r} should hold one table, or come with a query: "
            f"{path + '::SELECT * FROM ' + (names[0] if names else 'TABLE')!r}. "
            f"Found {len(names)} tables{': ' + listing(names, 20) if names else ''}."
        )
    return f"SELECT * FROM {_quoted(names[0])}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
