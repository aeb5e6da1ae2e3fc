"""What columns seem to be, and what may be said against it."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from plait import Binary, Multiclass, Numeric, Regression, Schema, Text
from plait.schema._guess_input import guess_input
from plait.schema._guess_target import guess_target

N = 200
SENTENCES = [f"the cat {i} sat on a mat number {i}" for i in range(N)]


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("age", [20 + i % 50 for i in range(N)], "Numeric"),
        ("zip_code", [80331 + i % 9 for i in range(N)], "Categorical"),
        ("zip", [f"0{2000 + i % 9}" for i in range(N)], "Categorical"),
        ("user_id", list(range(7, 7 + N)), "ignore"),
        ("n", list(range(20_000)), "ignore"),
        ("rare", [0] * 20_001 + [1] + [0] * 9, "Numeric"),
        ("const", ["a"] * N, "ignore"),
        ("empty", [None] * N, "ignore"),
        ("nan", [math.nan] * N, "ignore"),
        ("region", [1.0, math.nan, 2.0, 1.0] * 50, "Categorical"),
        ("flag", [True, False] * 100, "Categorical"),
        ("color", ["red", "blue"] * 100, "Categorical"),
        ("price", [f"{i}.5" for i in range(N)], "Numeric"),
        ("day", [f"2024-01-{1 + i % 28:02}" for i in range(N)], "Datetime"),
        ("photo", [f"a/{i}.jpg" for i in range(N)], "Image"),
        ("notes", SENTENCES, "Text"),
        ("tags", [f"{'abcd'[i % 4]}|{'efgh'[i % 3]}" for i in range(N)], "Tags"),
        ("names", [["a"], ["b", "a"]], "Tags"),
        ("clip", [[1.0, 2.0]] * 5, "Vector"),
        ("clip", [[], [1.0, 2.0], None, [3.0, 4.0]], "Vector"),
        ("clip", [[1.0, 2.0]] * 19 + [[1.0]], "Vector"),
        ("clip", [[1.0, 2.0]] * 18 + [[1.0]], "ignore"),
        ("clip", [[], []], "ignore"),
        ("clip", [[], [], [1.0, 2.0], [3.0, 4.0]], "ignore"),
        ("photos", [["a.jpg", "b.png"], None, ["c.jpg"]], "Bag"),
        ("frames", [["a.jpg", "b.png"], ["c.jpg"]], "Video"),
        ("photos", [[b"\x89PNG", b"\xff\xd8\xff"], []], "Bag"),
        ("reviews", [SENTENCES[:2], SENTENCES[2:]], "Bag"),
        ("raws", [[b"abc"], [b"abd"]], "ignore"),
        ("lat", [48.1, None, 48.3], "Geo"),
        ("pickup_longitude", ["11.5", "-190.0"], "Numeric"),
        ("split", ["train", "test"] * 100, "ignore"),
        ("fold", [0, 1, 2, 3] * 50, "ignore"),
        ("fold_change", [i / 7 for i in range(N)], "Numeric"),
        ("uuid", [f"{i:08x}-aa-bb" for i in range(N)], "ignore"),
        ("raw", [b"abc"] * 5, "ignore"),
    ],
)
def test_inputs(name, cells, kind):
    assert guess_input(name, pa.array(cells)).kind == kind


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("rating", [1 + i % 5 for i in range(N)], "Regression"),
        ("y", [i % 10 for i in range(N)], "Multiclass"),
        ("y", ["a", "b"], "Binary"),
        ("y", [0.5, 1.5, 0.5], "Binary"),
        ("count", [i % 30 for i in range(N)], "Regression"),
        ("y", [0.1, 0.2, math.nan, 0.4], "Regression"),
        ("y", ["a", "b", "c"], "Multiclass"),
        ("y", [["a"], ["b", "c"]], "MultiLabel"),
        ("y", [[0.5, 0.5], [0.1, 0.9]], "Multiclass"),
        ("y", [[0.5, -0.5], [0.1, 0.9]], "Regression"),
        ("y", [f"class {i % 8000}" for i in range(40_000)], "Multiclass"),
    ],
)
def test_targets(name, cells, kind):
    assert guess_target(name, pa.array(cells)).kind == kind


@pytest.mark.parametrize(
    ("cells", "words"),
    [(SENTENCES, "free text"), ([None], "should have labels"), ([1, 1], "at least two different")],
)
def test_targets_refused(cells, words):
    with pytest.raises(ValueError, match=words):
        guess_target("y", pa.array(cells))


TABLE = {
    "a": np.arange(30) / 7, "b": np.arange(30) / 3, "c": ["x", "y", "z"] * 10,
    "note": SENTENCES[:30], "y": [0, 1] * 15, "z": np.arange(30) / 9,
}  # fmt: skip


def test_group_wishes_are_not_lost():
    one = Schema.infer(TABLE, ["y"], {"b": "ignore", "z": "ignore", "numbers": {"bins": 8}})
    assert one.inputs["a"].bins == 8
    none = Schema.infer(TABLE, ["y"], {"numbers": "ignore"})
    assert {"a", "b", "z"} <= set(none.ignored)
    own = Schema.infer(TABLE, ["y"], {"numbers": Numeric(columns=("a",))})
    assert sorted(own.columns) == ["a", "b", "c", "note", "z"]
    with pytest.raises(ValueError, match="no group 'dates'"):
        Schema.infer(TABLE, ["y"], {"dates": {"format": "%Y"}})


def test_wishes():
    schema = Schema.infer(TABLE, {"sold": {"column": "y"}, "z": Regression()}, {"c": Text()})
    assert isinstance(schema.tasks["sold"], Binary)
    assert schema.tasks["sold"].column == "y"
    assert isinstance(schema.inputs["c"], Text)
    with pytest.raises(ValueError, match=r"no column 'nots'.*Did you mean 'note'"):
        Schema.infer(TABLE, ["y"], {"nots": "Text"})
    with pytest.raises(ValueError, match="should not be an input too"):
        Schema.infer(TABLE, ["y"], {"y": "Numeric"})
    with pytest.raises(ValueError, match="2 problems"):
        Schema.infer(TABLE, ["yy", "zz"])
    twice = Schema.infer(TABLE, {"y": None, "w": Multiclass(column="y")})
    with pytest.raises(ValueError, match="both answer in 'y'"):
        twice.fit(TABLE)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.text(min_size=1, max_size=8).filter(lambda s: s not in ("y", "c") and s.isprintable()))
def test_json_round_trip_with_any_name(name):
    table = {name: TABLE["a"], "c": TABLE["c"], "y": TABLE["y"]}
    schema = Schema.infer(table, ["y"])
    for one in (schema, schema.fit(table)):
        assert Schema.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_a_latitude_and_its_longitude_are_one_place():
    table = {
        "lat": [1.0, 2.5, 3.0], "size": [1.5, 2.5, 3.5], "lon": [7.5, 8.5, 9.5],
        "drop_lat": [4.5, 1.0, 2.0], "y": [0.5, 1.5, 2.5],
    }  # fmt: skip
    schema = Schema.infer(table, ["y"])
    assert {name: part.columns for name, part in schema.inputs.items()} == {
        "numbers": ("size", "drop_lat"),
        "location": ("lat", "lon"),
    }
    two = Schema.infer({**table, "dropLongitude": [1.5, 2.5, 3.5]}, ["y"]).inputs
    assert two["location_"].columns == ("drop_lat", "dropLongitude")
    wished = Schema.infer(table, ["y"], {"location": {"scales": 2}}).inputs["location"]
    assert wished.scales == 2
    left = Schema.infer(table, ["y"], {"location": "ignore"})
    assert list(left.inputs) == ["numbers"]
    numbers = Schema.infer(table, ["y"], {"lat": "Numeric", "lon": "Numeric"}).inputs
    assert numbers["numbers"].columns == ("lat", "size", "lon", "drop_lat")


def test_lists_of_pictures_and_texts_are_bags_of_them():
    table = {"p": [["a.jpg"], ["b.jpg"]], "t": [SENTENCES[:3], SENTENCES[3:]], "y": [0.5, 1.5]}
    inputs = Schema.infer(table, ["y"]).inputs
    assert [type(part.of).__name__ for part in inputs.values()] == ["Image", "Text"]


def test_a_column_that_two_inputs_ask_for_is_read_by_both():
    table = {"note": [f"a {n} b" for n in range(30)], "y": range(30)}
    other = {"again": {"type": "Text", "columns": ["note"], "longest": 0}}
    found = Schema.infer(table, ["y"], {"note": {"type": "Text", "max_length": 9}, **other})
    assert found.inputs["note"].max_length == 9
    assert found.inputs["again"].columns == found.inputs["note"].columns == ("note",)
    found = Schema.infer(table, ["y"], {"note": "Text", **other})
    assert list(found.inputs) == ["note", "again"]
    # Unasked, a column that another input reads is not read once more.
    assert list(Schema.infer(table, ["y"], other).inputs) == ["again"]
    assert list(Schema.infer(table, ["y"], {"note": "ignore", **other}).inputs) == ["again"]
