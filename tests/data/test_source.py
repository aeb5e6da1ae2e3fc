"""Rows that can be read again and again, against the table in memory."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from pyarrow import feather, parquet

from plait.data import Source, Table
from plait.data._files_source import FilesSource
from plait.data._whole_source import WholeSource

KINDS = [
    pa.int32(), pa.int64(), pa.float64(), pa.bool_(), pa.string(), pa.large_string(), pa.binary(),
    pa.list_(pa.int64()), pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us"),
    pa.struct([("x", pa.int64()), ("y", pa.string())]),
]  # fmt: skip
MADE = {
    "bool": lambda n: bool(n % 2),
    "double": lambda n: n / 4,
    "string": lambda n: "é" * (n % 7),
    "large_string": lambda n: str(n),
    "binary": lambda n: b"\0" * (n % 5),
    "list<item: int64>": lambda n: list(range(n % 4)),
    "timestamp[us]": lambda n: n * 10**9,
    "struct<x: int64, y: string>": lambda n: {"x": n, "y": None if n % 5 else "y"},
}


def column(kind, numbers):
    made = MADE.get(str(kind), lambda n: str(n % 3) if pa.types.is_dictionary(kind) else n)
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.array([None if n is None else made(n) for n in numbers], plain).cast(kind)


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 40))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    cells = st.lists(st.none() | st.integers(0, 1000), min_size=rows, max_size=rows)
    return pa.table({f"c{n}": column(kind, draw(cells)) for n, kind in enumerate(kinds)})


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def stored(table, folder, form, group, files):
    shutil.rmtree(folder / "shards", ignore_errors=True)
    (folder / "shards").mkdir()
    size = -(-len(table) // files)
    for number, start in enumerate(range(0, len(table), size)):
        part, path = table.slice(start, size), folder / "shards" / f"{number:03}.{form}"
        if form == "parquet":
            parquet.write_table(part, path, row_group_size=group)
        elif form == "feather":
            feather.write_feather(part, path, chunksize=group)
        else:
            with pa.OSFile(str(path), "wb") as f, pa.ipc.new_stream(f, part.schema) as s:
                s.write_table(part, max_chunksize=group)
    return folder / "shards" / f"*.{form}"


@settings(deadline=None, derandomize=True, max_examples=40)
@given(tables(), st.sampled_from(["parquet", "feather", "arrow", "stream", "memory"]), st.data())
def test_parts_end_to_end_are_the_table(folder, table, form, data):
    draw = lambda most: data.draw(st.integers(1, most))  # noqa: E731
    size, group = draw(len(table) + 3), draw(len(table))
    if form == "memory":
        source = Source.of(table)
    elif form == "stream":
        reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(group))
        source = Source.of(reader, memory=0)
    else:
        source = Source.of(stored(table, folder, form, group, draw(3)), memory=0)
        assert Table.of(folder / "shards" / f"*.{form}").arrow.equals(table)
    assert isinstance(source, WholeSource if form == "memory" else FilesSource)
    for _ in range(2):
        parts = list(source.parts(size))
        assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
        assert [part.first for part in parts] == list(range(0, len(table), size))
        assert pa.concat_tables([part.arrow for part in parts]).equals(table)
    assert (source.rows, source.names) == (len(table), table.column_names)
    assert source.schema.equals(table.schema)
    assert source.table().arrow.equals(table)
    among = draw(5)
    shares = [list(source.parts(size, share=(rank, among))) for rank in range(among)]
    together = [part for share in shares for part in share]
    assert [part.first for part in together] == [part.first for part in parts]
    assert pa.concat_tables([part.arrow for part in together]).equals(table)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    turned = table.column_names[::-1]
    assert next(source.parts(len(table), turned)).arrow.equals(table.select(turned))


@settings(deadline=None, derandomize=True, max_examples=30)
@given(tables(), st.data())
def test_identity_is_of_the_cells(table, data):
    cuts = data.draw(st.lists(st.integers(0, len(table)), max_size=3).map(sorted))
    padded = pa.concat_tables([table, table, table]).combine_chunks()
    sliced = padded.slice(len(table), len(table))
    chunks = zip([0, *cuts], [*cuts, len(table)], strict=True)
    chunked = pa.concat_tables([sliced.slice(a, b - a) for a, b in chunks])
    identity = Source.of(table).identity()
    assert Source.of(sliced).identity() == identity
    assert Source.of(chunked).identity() == identity
    assert Source.of(chunked.to_reader(), memory=0).identity() == identity
    assert len(identity) == 64
    longer = pa.concat_tables([table, table.slice(0, 1)])
    assert Source.of(longer).identity() != identity
    renamed = table.rename_columns([f"{name}x" for name in table.column_names])
    assert Source.of(renamed).identity() != identity


def test_identity_sees_one_cell():
    cells = np.arange(300_000)
    whole = Source.of({"a": cells}).identity()
    for row in (0, 70_000, 299_999):
        other = cells.copy()
        other[row] += 1
        assert Source.of({"a": other}).identity() != whole
    below = pa.array([1, 2], mask=np.array([False, True]))
    assert Source.of({"a": below}).identity() == Source.of({"a": pa.array([1, None])}).identity()


def test_small_files_are_read_whole_and_large_ones_stay(tmp_path):
    table = pa.table({"a": np.arange(1000.0), "t": ["the same"] * 1000})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert Source.of(tmp_path / "a.parquet").nbytes == pytest.approx(table.nbytes, rel=0.1)
    assert isinstance(Source.of(tmp_path / "a.parquet"), WholeSource)
    large = Source.of(tmp_path / "a.parquet", memory=18_000)
    assert isinstance(large, FilesSource)
    # The text is written once in the file, and a thousand times in memory.
    assert large.nbytes == pytest.approx(table.nbytes, rel=0.1)
    (tmp_path / "a.csv").write_text("a\n1\n")
    assert isinstance(Source.of(tmp_path / "a.csv", memory=0), WholeSource)


def test_files_of_different_types_are_widened_as_in_memory(tmp_path):
    parquet.write_table(pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}), tmp_path / "1.pq")
    other = {"b": pa.array(["y", None], pa.large_string()), "a": pa.array([2, 3], pa.int64())}
    parquet.write_table(pa.table(other), tmp_path / "2.pq")
    parquet.write_table(pa.table({"a": [0.5], "b": pa.nulls(1)}), tmp_path / "3.pq")
    large, whole = Source.of(tmp_path / "*.pq", memory=0), Source.of(tmp_path / "*.pq")
    assert isinstance(large, FilesSource)
    assert large.schema == whole.schema
    assert large.table().arrow.equals(whole.table().arrow)
    assert [part["a"].to_pylist() for part in large.parts(3)] == [[1, 2, 3], [0.5]]


@pytest.mark.parametrize("memory", [0, None])
@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([{"a": [1]}, {"b": [1]}], "2.parquet' differs from .*1.parquet' in 'a', 'b'"),
        ([{"a": [1]}, {"a": ["x"]}], "should have the same columns.*incompatible types"),
        ([{"a": pa.array([], pa.int64())}], "at least one row and one column. Found 0 rows and 1"),
    ],
)
def test_files_that_are_no_table(tmp_path, memory, tables, words):
    for number, table in enumerate(tables, 1):
        parquet.write_table(pa.table(table), tmp_path / f"{number}.parquet")
    with pytest.raises(ValueError, match=words):
        Source.of(tmp_path / "*.parquet", memory=memory)


@pytest.mark.parametrize("memory", [0, None])
@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_damaged_files_and_twice_used_names(tmp_path, memory, name):
    path = tmp_path / name
    path.write_bytes(b"no table at all")
    with pytest.raises(ValueError, match="cannot be read as"):
        Source.of(path, memory=memory)
    twice = pa.table([[1], [2]], names=["a", "a"])
    if name == "a.parquet":
        parquet.write_table(twice, path)
    else:
        with pa.OSFile(str(path), "wb") as f, pa.ipc.new_file(f, twice.schema) as writer:
            writer.write_table(twice)
    with pytest.raises(ValueError, match="Used twice: 'a'"):
        Source.of(path, memory=memory)


def test_parts_are_asked_for_rightly(tmp_path):
    pd.DataFrame({"age": [1, 2]}, index=[5, 6]).to_parquet(tmp_path / "a.parquet")
    source = Source.of(tmp_path / "a.parquet", memory=0)
    assert source.names == ["age"]
    with pytest.raises(ValueError, match=r"no column 'aged'.*Did you mean 'age'"):
        source.parts(1, ["aged"])
    with pytest.raises(ValueError, match=r"`size` should be at least 1. Found 0"):
        source.parts(0)
    with pytest.raises(ValueError, match="`columns` should name at least one"):
        source.parts(1, [])
    for share in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="`share` should be the number of a process"):
            source.parts(1, share=share)


def test_row_groups_of_other_shares_are_not_read(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": np.random.rand(10_000)}), path, row_group_size=1000)
    where = parquet.read_metadata(path).row_group(3).column(0).dictionary_page_offset
    content = bytearray(path.read_bytes())
    content[where : where + 40] = bytes(40)
    path.write_bytes(content)
    source = Source.of(path, memory=0)
    parts = list(source.parts(500, share=(1, 2)))
    assert [part.first for part in parts] == list(range(5000, 10_000, 500))
    with pytest.raises(ValueError, match=r"cannot be read as \.parquet"):
        list(source.parts(500, share=(0, 2)))


def test_fewer_rows_than_there_were_when_it_was_opened_are_told(monkeypatch):
    source = Source.of({"a": range(10)})
    monkeypatch.setattr(WholeSource, "rows", 12)
    with pytest.raises(ValueError, match=r"should be 12 rows.*no more than 10"):
        list(source.parts(4))


@pytest.mark.parametrize("memory", [0, None])
@pytest.mark.parametrize("form", ["parquet", "feather"])
def test_a_file_that_changes_is_refused(tmp_path, memory, form):
    path = tmp_path / f"a.{form}"
    write = parquet.write_table if form == "parquet" else feather.write_feather
    write(pa.table({"a": range(10_000)}), path)
    source = Source.of(path, memory=memory)
    parts = source.parts(1000)
    assert len(next(parts)) == 1000
    source.check()
    write(pa.table({"a": range(10_000, 20_000)}), tmp_path / "new")
    os.replace(tmp_path / "new", path)
    with pytest.raises(ValueError, match=r"Changed since it was opened: .*a\."):
        list(parts)
    with pytest.raises(ValueError, match="Changed since it was opened"):
        list(source.parts(1000))
    path.unlink()
    with pytest.raises(ValueError, match=r"no file .* any more"):
        source.check()


def test_a_file_cut_short_while_it_is_read_is_told_as_changed(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": np.random.rand(10_000)}), path, row_group_size=1000)
    parts = Source.of(path, memory=0).parts(1000)
    next(parts)
    with path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(ValueError, match="Changed since it was opened"):
        list(parts)


@pytest.mark.parametrize("memory", [0, None])
def test_identity_of_files(tmp_path, memory):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": [1]}), path)
    identity = Source.of(path, memory=memory).identity()
    assert Source.of(str(path), memory=memory).identity() == identity
    os.utime(path, ns=(1, 1))
    touched = Source.of(path, memory=memory).identity()
    parquet.write_table(pa.table({"a": [2, 3]}), path)
    os.utime(path, ns=(1, 1))
    longer = Source.of(path, memory=memory).identity()
    assert len({identity, touched, longer}) == 3


def test_kinds_of_tables_come_back(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=[7, 8, 9])
    source = Source.of(frame, tmp_path)
    assert source.restore(pa.table({"z": [1, 2, 3]})).index.tolist() == [7, 8, 9]
    assert source.table().restore is source.restore
    assert {part.root for part in source.parts(2)} == {source.root} == {tmp_path}
    assert isinstance(Source.of(pl.DataFrame({"a": [1]})).restore(pa.table({})), pl.DataFrame)
    assert Source.of(source) is source
    assert Source.of(source, tmp_path / "b").root == tmp_path / "b"
    assert Table.of(source).arrow.equals(source.table().arrow)
    part = Source.of(Table(pa.table({"a": [5, 6]}), first=10))
    assert [each.first for each in part.parts(1)] == [0, 1]


def test_a_stream_longer_than_memory_lies_in_a_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    table = pa.table({"a": range(1000)})
    assert isinstance(Source.of(table.to_reader()), WholeSource)
    assert not any(tmp_path.iterdir())
    source = Source.of(table.to_reader(), memory=0)
    assert source.table().arrow.equals(table)
    twin = Source.of(source, tmp_path)
    del source
    assert len(list(tmp_path.glob("plait-*"))) == 1
    assert twin.table().arrow.equals(table)
    del twin
    assert not any(tmp_path.iterdir())


def test_a_stream_that_breaks_off():
    schema = pa.schema([("a", pa.int64())])

    def batches():
        yield pa.record_batch([[1]], schema=schema)
        raise OSError("the line is dead")

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    with pytest.raises(ValueError, match=r"cannot be read to its end.*the line is dead"):
        Source.of(reader)
    with pytest.raises(ValueError, match="at least one row"):
        Source.of(pa.RecordBatchReader.from_batches(schema, []))
