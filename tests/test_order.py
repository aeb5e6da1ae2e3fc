"""What another process is told is plain, and says the same."""

import json

import pyarrow as pa
import pytest

import plait
from plait import ConfigError, DataError, Training
from plait._config import Config
from plait._order import choices, place_of, table_of
from plait._said import Said
from plait.data import Source
from plait.fusion import Mean


class Outside(Mean):
    """A class of a module."""


def told(**more) -> dict:
    said = {"targets": ["price"], "inputs": {}, "fusion": "Attention", "sharing": "Bottom",
            "balancing": "Sum", **more}  # fmt: skip
    return json.loads(json.dumps(choices(Said(**said), Config())))


def test_choices_make_the_same_learner():
    targets = {"price": plait.Regression(log=True), "sold": None, "kind": "Multiclass"}
    inputs = {"note": plait.Text(max_length=7), "id": "ignore", "size": {"type": "Numeric"}}
    said = {"fusion": {"name": Mean}, "sharing": {"name": "MMoE", "experts": 3}}
    config = Config.of(
        {"training": Training(epochs=3), "seed": 5, "budget": "20m", "data": {"cache": False}}
    )
    found = choices(Said(targets, inputs, balancing="Sum", **said), config)
    again = plait.Learner.from_config(json.loads(json.dumps(found)))
    assert again.fusion == {"name": "Mean"}
    assert again.sharing == said["sharing"]
    assert again.training == Training(epochs=3)
    assert (again.seed, again.budget, again.cache) == (5, "20m", False)
    assert again.inputs["note"]["type"] == "Text"
    assert again.inputs["note"]["max_length"] == 7
    table = {"note": ["a b"] * 9, "id": [1] * 9, "size": [1.0] * 9, "price": [float(n) for n in
             range(9)], "sold": [True, None, False] * 3, "kind": list("abc") * 3}  # fmt: skip
    mine = plait.Schema.infer(table, targets, inputs)
    assert plait.Schema.infer(table, again.targets, again.inputs) == mine


def test_one_target_may_be_a_word():
    assert told(targets="price")["targets"] == {"price": None}


def test_a_class_of_a_module_travels_by_name():
    assert told(fusion=Outside)["fusion"] == f"{__name__}:Outside"


def test_what_has_no_name_is_refused():
    class Inside(Mean):
        """A class of nobody else."""

    with pytest.raises(ConfigError, match="Inside' is no class of a module"):
        told(fusion=Inside)
    with pytest.raises(ConfigError, match="it is an object of 'Mean'"):
        told(fusion=Mean(("a",), 8))
    with pytest.raises(ConfigError, match="`sharing`, an option is no plain value"):
        told(sharing={"name": "MMoE", "experts": object()})


def test_files_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place_of("a.csv") == [str(tmp_path / "a.csv")]
    assert place_of(["a*.csv", "s3://bucket/b.csv"]) == [str(tmp_path / "a*.csv"),
                                                         "s3://bucket/b.csv"]  # fmt: skip
    assert place_of(plait.Query("select 1", "a.sqlite")) is None
    assert place_of("a.sqlite::select 1") is None
    assert place_of({"x": [1]}) is None
    assert place_of([]) is None


def test_rows_in_memory_are_written_once(tmp_path):
    words = pa.array(["a", None, "b"]).dictionary_encode()
    table = pa.table({"x": [1, None, 3], "kind": words, "none": pa.nulls(3),
                      "list": [[1.0], [], None]})  # fmt: skip
    source = Source.of(table, tmp_path)
    found = table_of(table, source, tmp_path, "data")
    again = Source.of(found["files"], found["root"])
    assert again.table().arrow.equals(source.table().arrow)
    assert again.root == source.root


def test_no_room_is_told(tmp_path):
    source = Source.of({"x": [1.0, 2.0]})
    with pytest.raises(DataError, match="should have room for 16 bytes"):
        table_of({"x": [1.0, 2.0]}, source, tmp_path / "nowhere", "data")
