"""Tables from whatever holds one."""

import gzip

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from pyarrow import feather, parquet

from plait.data import Table


def write(folder, name, text):
    raw = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return folder / name


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.csv", b"\xef\xbb\xbfa,b\n1,x\n", {"a": [1], "b": ["x"]}),
        ("a.tsv.gz", "a\tb\n1\tx\n", {"a": [1], "b": ["x"]}),
        ("a.txt", "a\tb\n1\tx\n", {"a": [1], "b": ["x"]}),
        ("semi.csv", "a;b\n1;x\n", {"a": [1], "b": ["x"]}),
        ("q.csv", 'a,b\n1,"x\ny"\n', {"a": [1], "b": ["x\ny"]}),
        ("zero.csv", "a,b\n02134,1\n10001,2\n", {"a": ["02134", "10001"], "b": [1, 2]}),
        ("na.csv", "a,b\nNA,1\nx,NA\n", {"a": ["NA", "x"], "b": [1, None]}),
        ("a.jsonl", '{"a":1,"b":""}\n{"a":null}\n', {"a": [1, None], "b": ["", None]}),
    ],
)
def test_text_files(tmp_path, name, text, wanted):
    assert Table.of(write(tmp_path, name, text)).arrow.to_pydict() == wanted


@pytest.mark.parametrize("last", ["x", "02134"])
def test_a_cell_deep_in_a_column_is_not_lost(tmp_path, last):
    path = write(tmp_path, "a.csv", "a,b\n" + "12345,1\n" * 200_000 + f"{last},1\n")
    cells = Table.of(path)["a"]
    assert (cells[0].as_py(), cells[-1].as_py()) == ("12345", last)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_cell_wider_than_a_block(tmp_path, name):
    text = "x" * 3_000_000
    path = write(tmp_path, name, f"a,b\n{text},1\n" if name == "a.csv" else f'{{"a":"{text}"}}\n')
    assert len(Table.of(path)["a"][0].as_py()) == 3_000_000


def test_shards_and_binary_files(tmp_path):
    write(tmp_path, "1.csv", "zip\n10001\n")
    write(tmp_path, "2.csv", "zip\n02134\n")
    assert Table.of(tmp_path / "*.csv")["zip"].to_pylist() == ["10001", "02134"]
    table = pa.table({"a": [1]})
    parquet.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, tmp_path / "a.feather")
    with pa.OSFile(str(tmp_path / "s.arrow"), "wb") as f, pa.ipc.new_stream(f, table.schema) as s:
        s.write_table(table)
    for name in ("a.parquet", "a.feather", "s.arrow"):
        assert Table.of(tmp_path / name)["a"].to_pylist() == [1]
    pd.DataFrame({"a": [1, 2]}, index=[5, 6]).to_parquet(tmp_path / "i.parquet")
    assert Table.of(tmp_path / "i.parquet").names == ["a"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "a,a\n1,2\n", "name of its own. Used twice: 'a'"),
        ("a.csv", "a,b\n", "at least one row"),
        ("a.csv", "", "cannot be read as .csv"),
        ("a.csv", "a,b\n1,é\n".encode("latin-1"), "should be written in UTF-8"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), "should be written in UTF-8"),
        ("a.xlsx", "a", "should end in one of"),
    ],
)
def test_files_that_are_no_table(tmp_path, name, text, words):
    with pytest.raises(ValueError, match=words):
        Table.of(write(tmp_path, name, text))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({1: [1], "1": [2]}, "Used twice: '1'"),
        ({"a": "abc"}, "should be a list of cells"),
        ({"a": 3}, "should be a list of cells"),
        ({"a": [2**70]}, "should be a list of cells"),
        ({"a": [1, "x"], "b": [2, "y"]}, "2 problems"),
        ({"a": [1], "b": [1, 2]}, "as many rows"),
        (pd.Series([1]), "columns with names"),
        (pd.DataFrame({"a": [1, "x"]}), "of one type"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Used twice"),
        (pa.table([[1], [2]], names=["a", "a"]), "Used twice"),
        (None, "A table should be a path"),
        ("nope.csv", "There is no file 'nope.csv'"),
    ],
)
def test_objects_that_are_no_table(source, words):
    with pytest.raises(ValueError, match=words):
        Table.of(source)


def test_frames():
    frame = pl.DataFrame({"s": ["a", None], "l": [["x"], ["y"]], "n": [1, 2]})
    taken = Table.of(frame).take(np.array([1]))
    assert [taken[n].to_pylist() for n in taken.names] == [[None], [["y"]], [2]]
    assert len(taken.take(np.array([]))) == 0
    assert isinstance(Table.of(frame).restore(pa.table({"z": [1]})), pl.DataFrame)
    pandas = pd.DataFrame(
        {"c": pd.Categorical(["x", None]), "i": pd.array([1, None], dtype="Int64")}, index=[5, 7]
    )
    table = Table.of(pandas)
    assert (table["c"].to_pylist(), table["i"].to_pylist()) == (["x", None], [1, None])
    assert table.restore(pa.table({"z": [1, 2]})).index.tolist() == [5, 7]
    assert len(table.take(np.array([0])).restore(pa.table({"z": [1]}))) == 1
    assert Table.of(duckdb.sql("select 1 a"))["a"].to_pylist() == [1]
    columns = {"t": torch.zeros(2, dtype=torch.bfloat16), "e": np.array([1, 2], ">i4")}
    assert Table.of(columns)["e"].to_pylist() == [1, 2]
