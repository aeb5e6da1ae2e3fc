"""Datasets of Hugging Face, and what they put into a cell."""

from types import SimpleNamespace

import pyarrow as pa
import pytest

from plait.data import Source, Table
from plait.data._huggingface_source import HuggingFaceSource

MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class Dataset:
    """The part of a dataset that is used."""

    def __init__(self, arrow):
        self.data = arrow
        self.features = SimpleNamespace(arrow_schema=arrow.schema)

    def __len__(self):
        return self.data.num_rows

    def select_columns(self, names):
        return Dataset(self.data.select(sorted(names)))

    def with_format(self, form):
        assert form == "arrow"
        return self

    def select(self, rows):
        return Dataset(self.data.take(list(rows)))

    def iter(self, batch_size):
        for start in range(0, len(self), batch_size):
            yield self.data.slice(start, batch_size)


Dataset.__module__ = "datasets.arrow_dataset"


class Streamed:
    def with_format(self, form):
        return Dataset(pa.table({"a": [1, 2, 3]}))


Streamed.__module__ = "datasets.iterable_dataset"


class Splits(dict):
    __module__ = "datasets.dataset_dict"


@pytest.mark.parametrize("memory", [0, None])
def test_a_dataset(memory):
    arrow = pa.table({"b": range(10), "a": [str(n) for n in range(10)]})
    source = Source.of(Dataset(arrow), memory=memory)
    assert isinstance(source, HuggingFaceSource) == (memory == 0)
    assert source.table().arrow.equals(arrow)
    assert [part["a"].to_pylist() for part in source.parts(6, ["a"])] == [
        ["0", "1", "2", "3", "4", "5"], ["6", "7", "8", "9"]]  # fmt: skip
    shares = [source.parts(4, ["a"], share=(rank, 2)) for rank in (0, 1)]
    assert [[part.first for part in share] for share in shares] == [[0, 4], [8]]
    (last,) = source.parts(4, ["a"], share=(1, 2))
    assert last["a"].to_pylist() == ["8", "9"]
    assert source.identity() == Source.of(arrow).identity()
    assert source.nbytes == arrow.nbytes
    assert isinstance(source.restore(arrow), Dataset)


def test_what_is_no_one_dataset():
    assert Source.of(Streamed(), memory=0).rows == 3
    with pytest.raises(ValueError, match=r"Found the splits 'train', 'test'.*dataset\['train'\]"):
        Source.of(Splits(train=1, test=2))
    with pytest.raises(ValueError, match="at least one row"):
        Source.of(Dataset(pa.table({"a": pa.array([], pa.int64())})))


def test_pictures_come_as_bytes_or_as_paths():
    both = pa.array([{"bytes": b"x", "path": "a.png"}, None, {"bytes": b"y", "path": None}], MEDIA)
    paths = pa.array([{"bytes": None, "path": "a.png"}, None], MEDIA)
    assert Table.of({"photo": both})["photo"].to_pylist() == [b"x", None, b"y"]
    assert Table.of({"photo": paths})["photo"].to_pylist() == ["a.png", None]
    parts = Source.of({"photo": pa.concat_arrays([both, paths])}).parts(3)
    assert [part["photo"].type for part in parts] == [pa.large_binary(), pa.large_string()]
    with pytest.raises(ValueError, match=r"cells of 'photo' should all hold bytes.*Found 1 with"):
        Table.of({"photo": pa.concat_arrays([both, paths])})["photo"]
    other = pa.array([{"bytes": 3, "path": "a"}])
    assert pa.types.is_struct(Table.of({"size": other})["size"].type)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_real_thing(tmp_path):
    datasets = pytest.importorskip("datasets")
    from PIL import Image

    picture = Image.new("RGB", (4, 4))
    columns = {"photo": [picture, None, picture], "n": [1, 2, 3]}
    kinds = datasets.Features({"photo": datasets.Image(), "n": datasets.Value("int64")})
    dataset = datasets.Dataset.from_dict(columns, features=kinds).select([2, 0, 1])
    for memory in (0, None):
        source = Source.of(dataset, memory=memory)
        assert source.table()["n"].to_pylist() == [3, 1, 2]
        assert [cell and cell[:4] for cell in source.table()["photo"].to_pylist()] == [
            b"\x89PNG", b"\x89PNG", None]  # fmt: skip
    assert isinstance(source.restore(pa.table({"a": [1]})), datasets.Dataset)
    assert Source.of(dataset.to_iterable_dataset()).rows == 3
    with pytest.raises(ValueError, match="Found the splits 'train'"):
        Source.of(datasets.DatasetDict(train=dataset))
