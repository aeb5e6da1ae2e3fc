"""Databases, in files and behind connections."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from plait.data import Query, Source, Table
from plait.data._files_source import FilesSource


@pytest.fixture
def homes(tmp_path):
    path = tmp_path / "homes.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE homes (city TEXT, rooms INTEGER, price REAL, photo BLOB)")
        rows = [("Bergen", 4, 1.5, b"\xff"), (None, None, None, None), ("Oslo", 2, 2, b"")]
        connection.executemany("INSERT INTO homes VALUES (?, ?, ?, ?)", rows)
    return path


def test_an_answer_of_sqlite(homes):
    wanted = {
        "city": ["Bergen", None, "Oslo"],
        "rooms": [4, None, 2],
        "price": [1.5, None, 2.0],
        "photo": [b"\xff", None, b""],
    }
    for data in (homes, str(homes), f"{homes}::SELECT * FROM homes",
                 Query("-- all; of it\nselect * from homes;", homes)):  # fmt: skip
        table = Table.of(data)
        assert table.arrow.to_pydict() == wanted
        assert table.root == homes.parent
    source = Source.of(f"{homes}::WITH t AS (SELECT rooms FROM homes) SELECT rooms r FROM t")
    assert source.schema == pa.schema([("r", pa.int64())])
    assert len(source.identity()) == 64


@pytest.mark.parametrize("memory", [0, None])
def test_types_are_those_of_all_cells(tmp_path, memory, monkeypatch):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (n, late, code, mixed)")
        rows = [(1, None, 7, 2**60)] * 300 + [(0.5, "x", "a1", 2.5), (2, None, 8.0, "ø")]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
    with pytest.warns(UserWarning, match=r"are read as text: 'code', 'mixed'. Cast them"):
        source = Source.of(path, memory=memory)
    assert isinstance(source, FilesSource) == (memory == 0)
    table = source.table()
    assert table["n"].to_pylist() == [1.0] * 300 + [0.5, 2.0]
    assert table["late"].to_pylist() == [None] * 300 + ["x", None]
    assert table["code"].to_pylist() == ["7"] * 300 + ["a1", "8"]
    assert table["mixed"].to_pylist() == [str(2**60)] * 300 + ["2.5", "ø"]
    assert source.rows == sum(len(part) for part in source.parts(7)) == 302


def test_whole_numbers_among_others(tmp_path):
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute(f"CREATE TABLE t AS SELECT {2**60} AS a UNION ALL SELECT 0.5")
    assert sorted(Table.of(tmp_path / "a.db")["a"].to_pylist()) == [0.5, 2.0**60]


def test_types_are_told_even_within_one_fetch(tmp_path):
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a UNION ALL SELECT 'x'")
    with pytest.warns(UserWarning, match="are read as text: 'a'"):
        assert sorted(Table.of(tmp_path / "a.db")["a"].to_pylist()) == ["1", "x"]


def test_duckdb(tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS a, 'x' AS b FROM range(5000)")
        connection.execute("CREATE TEMP TABLE hidden AS SELECT 1 AS a")
        assert Table.of(Query("SELECT * FROM hidden", connection))["a"].to_pylist() == [1]
        relation = connection.sql("SELECT a FROM t ORDER BY a")
        assert sum(map(len, Source.of(relation, memory=0).parts(7))) == 5000
    assert Table.of(path)["a"].to_pylist() == list(range(5000))
    source = Source.of(f"{path}::FROM t WHERE a < 3", memory=0)
    assert [part["a"].to_pylist() for part in source.parts(2)] == [[0, 1], [2]]


class Cursor:
    """What a cursor of ADBC or of any other database offers."""

    def __init__(self, rows):
        self.rows, self.closed = rows, False
        self.description = [("a", None), ("b", None)] if rows is not None else None

    def execute(self, sql):
        self.sql = sql

    def fetchmany(self, size):
        taken, self.rows = self.rows[:size], self.rows[size:]
        return taken

    def close(self):
        self.closed = True


class ArrowCursor(Cursor):
    def fetch_record_batch(self):
        return pa.table({"a": [1, 2]}).to_reader()


class Connection:
    def __init__(self, cursor):
        self.given = cursor

    def cursor(self):
        return self.given


def test_connections():
    cursor = ArrowCursor([])
    assert Table.of(Query("SELECT a", Connection(cursor)))["a"].to_pylist() == [1, 2]
    assert (cursor.sql, cursor.closed) == ("SELECT a", True)
    money = Cursor([(Decimal("1.50"), 1), (Decimal("123.4"), None)])
    table = Table.of(Query("SELECT a, b", Connection(money)))
    assert table.arrow.to_pydict() == {"a": [Decimal("1.50"), Decimal("123.40")], "b": [1, None]}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "at least one row and one column. Found 0 rows and 2 columns"),
        (None, "The statement gave none back"),
        ([(object(), 1)], "cells of 'a' should be of one type that Arrow knows. Found object"),
        ([("x", 1), (b"\xff", 1)], "one type that Arrow knows. Found bytes, str"),
    ],
)
def test_answers_that_are_no_table(rows, words):
    with pytest.raises(ValueError, match=words):
        Table.of(Query("SELECT a, b", Connection(Cursor(rows))))


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM home", "refused 'SELECT .* FROM home': no such table: home"),
        ("SELEC * FROM homes", "one statement that reads, such as SELECT or WITH. Found 'SELEC"),
        ("DROP TABLE homes", "one statement that reads"),
        ("SELECT 1; DROP TABLE homes", "one statement that reads"),
        ("/* SELECT */ DELETE FROM homes", "one statement that reads"),
        ("WITH t AS (SELECT 1) DELETE FROM homes", "one statement that reads"),
        ("SELECT $$'$$; DROP TABLE homes; SELECT $$'$$", "one statement that reads"),
        ("SELECT rooms, rooms FROM homes", "Used twice: 'rooms'"),
        ("SELECT * FROM homes WHERE rooms > 9", "at least one row and one column"),
    ],
)
def test_queries_that_are_refused(homes, sql, words):
    with pytest.raises(ValueError, match=words):
        Table.of(f"{homes}::{sql}")
    assert len(Table.of(homes)) == 3


def test_semicolons_in_quotes(homes):
    table = Table.of(Query("SELECT ';' AS \"a;b\", '--;' AS c /* ; */ -- ;", homes))
    assert table.arrow.to_pydict() == {"a;b": [";"], "c": ["--;"]}


@pytest.mark.parametrize("ending", ["sqlite", "duckdb"])
def test_a_database_of_several_tables_needs_a_query(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    opened = duckdb.connect(str(path)) if ending == "duckdb" else sqlite3.connect(path)
    with closing(opened) as connection:
        connection.execute('CREATE TABLE "my homes" (a INTEGER)')
        connection.execute("CREATE VIEW other AS SELECT 1 AS b")
    with pytest.raises(ValueError, match="2 tables: 'my homes', 'other'") as error:
        Table.of(path)
    assert "::SELECT * FROM" in str(error.value)


def test_what_is_no_database(tmp_path):
    (tmp_path / "a.db").write_bytes(b"a,b\n1,2\n" * 9)
    with pytest.raises(ValueError, match=r"a database of SQLite or DuckDB. It is neither"):
        Table.of(tmp_path / "a.db")
    with pytest.raises(ValueError, match=r"There is no file 'none.duckdb'"):
        Table.of("none.duckdb::SELECT 1")
    with pytest.raises(ValueError, match=r"connection of Python's DB-API.*Found 'int'"):
        Table.of(Query("SELECT 1", 3))
    (tmp_path / "a.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 4000)
    with pytest.raises(ValueError, match="cannot be read"):
        Table.of(tmp_path / "a.sqlite")
