"""Files behind a protocol."""

import builtins
import gzip

import fsspec
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from plait.data import Source, Table
from plait.data._files_source import FilesSource


@pytest.fixture
def far():
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def put(system, name, content):
    system.pipe_file(f"/bucket/{name}", content)


def parquet_bytes(table):
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, row_group_size=2)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("memory", [0, None])
def test_parquet(far, memory):
    for number in range(2):
        put(far, f"{number}.parquet", parquet_bytes(pa.table({"a": range(5)})))
    source = Source.of("memory://bucket/*.parquet", memory=memory)
    assert isinstance(source, FilesSource) == (memory == 0)
    assert source.table()["a"].to_pylist() == [*range(5), *range(5)]
    assert source.root is None
    assert len(source.identity()) == 64
    assert Source.of(["memory://bucket/0.parquet"]).identity() != source.identity()
    put(far, "1.parquet", parquet_bytes(pa.table({"a": range(4)})))
    with pytest.raises(ValueError, match=r"Changed since it was opened: 'memory:///bucket/1.par"):
        source.check()


def test_text_and_arrow(far, tmp_path):
    put(far, "a.csv", b"zip,n\n02134,1\n")
    put(far, "a.csv.gz", gzip.compress(b"zip;n\n02134;1\n"))
    put(far, "a.jsonl", b'{"zip": "02134", "n": 1}\n')
    feather.write_feather(pa.table({"zip": ["02134"], "n": [1]}), tmp_path / "a.feather")
    put(far, "a.feather", (tmp_path / "a.feather").read_bytes())
    for name in ("a.csv", "a.csv.gz", "a.jsonl", "a.feather"):
        table = Table.of(f"memory://bucket/{name}", tmp_path)
        assert table.arrow.to_pydict() == {"zip": ["02134"], "n": [1]}
        assert table.root == tmp_path
    assert Source.of("memory://bucket/a.feather", memory=0).table()["n"].to_pylist() == [1]


def test_nobody_can_tell_its_age(far, monkeypatch):
    put(far, "a.parquet", parquet_bytes(pa.table({"a": range(5)})))
    monkeypatch.setattr(type(far), "info", lambda self, path: {"size": 3, "type": "file"})
    source = Source.of("memory://bucket/a.parquet", memory=0)
    assert source.identity() is None
    assert Source.of("memory://bucket/a.parquet").identity() is not None


def test_a_url_of_this_machine(tmp_path):
    (tmp_path / "a b.csv").write_text("a\n1\n")
    table = Table.of((tmp_path / "a b.csv").as_uri())
    assert (table["a"].to_pylist(), table.root) == ([1], tmp_path)
    assert Table.of(f"file://{tmp_path}/*.csv")["a"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory://bucket/none.csv", "There is no file 'memory://bucket/none.csv'"),
        ("memory://bucket", "Found a folder: 'memory:///bucket'"),
        ("memory://bucket/a.xlsx", "should end in one of"),
        ("nope://a.csv", "protocol that fsspec knows.*Protocol not known: nope"),
    ],
)
def test_urls_that_are_no_table(far, url, words):
    put(far, "a.xlsx", b"")
    with pytest.raises(ValueError, match=words):
        Table.of(url)


def test_a_package_is_missing(monkeypatch):
    real = builtins.__import__
    hidden = "s3fs"

    def without(name, *args, **options):
        if name.partition(".")[0] == hidden:
            raise ImportError(f"No module named {name!r}")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(ValueError, match=r"'s3://b/a.csv' needs one more package. Install s3fs"):
        Table.of("s3://b/a.csv")
    hidden = "fsspec"
    with pytest.raises(
        ValueError, match=r"needs the package fsspec.*pip install 'plait\[remote\]'"
    ):
        Table.of("s3://b/a.csv")
