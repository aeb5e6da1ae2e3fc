"""Promise 20: whatever is wrong with a table, its own message names the column and says what to do.

The messages stand in ``bad_tables.txt``, word by word. ``python -m tests.faults.test_bad_tables``
writes them anew; what changed is then there to be read.
"""

import contextlib
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import plait
from plait import Learner, PlaitWarning, Training, UserError

HOME = Path(__file__).with_name("bad_tables.txt")
QUICK = Training(epochs=1, device="cpu")
ROWS = 30
GOOD: dict[str, Any] = {
    "size": [20.0 + n * 7 % 23 / 2 for n in range(ROWS)],
    "city": [("Ulm", "Bonn", "Kiel")[n % 3] for n in range(ROWS)],
    "note": [f"a bright flat near {n} lakes" for n in range(ROWS)],
    "built": [f"2001-{1 + n % 12:02d}-03" for n in range(ROWS)],
    "clip": [[float(n), 1.0, float(n % 4)] for n in range(ROWS)],
    "price": [float(n * 7 % 30) for n in range(ROWS)],
    "sold": [("no", "yes")[n % 2] for n in range(ROWS)],
}
TARGETS = ["price", "sold"]
BYTES = b"\x00\x01"


def fit(targets: Any = TARGETS, inputs: Any = None, valid: Any = None, **changed: Any) -> None:
    Learner(targets, inputs, width=8, training=QUICK, cache=False).fit(GOOD | changed, valid)


def without(*names: str, **more: Any) -> dict[str, Any]:
    return {name: cells for name, cells in GOOD.items() if name not in names} | more


TRAINED: list[Learner] = []


def learner() -> Learner:
    if not TRAINED:
        TRAINED.append(Learner(TARGETS, width=8, training=QUICK, cache=False).fit(GOOD))
    return TRAINED[0]


def predict(table: Any, **options: Any) -> None:
    learner().predict(table, **options)


def twice() -> pa.Table:
    return pa.Table.from_arrays([pa.array([1.5, 2.5])] * 3, names=["size", "size", "price"])


CASES: dict[str, Callable[[], Any]] = {
    "fit: a target that is misspelled": lambda: fit(["prize"]),
    "fit: a target that is not there": lambda: fit(["weight of it all"]),
    "fit: two targets that are not there": lambda: fit(["prise", "soled"]),
    "fit: an input that is misspelled": lambda: fit(inputs={"citty": "Text"}),
    "fit: a kind that is misspelled": lambda: fit(inputs={"size": "Numerik"}),
    "fit: an option that is misspelled": lambda: fit(
        inputs={"note": {"type": "Text", "longst": 1}}
    ),
    "fit: a target that is all null": lambda: fit(price=[None] * ROWS),
    "fit: a target that is empty text": lambda: fit(sold=["", " "] * 15),
    "fit: a target of one class": lambda: fit(sold=["no"] * ROWS),
    "fit: a target of free text": lambda: fit(
        {"n": None},
        **{k: v * 5 for k, v in GOOD.items()},
        n=[f"free text {n}" for n in range(5 * ROWS)],
    ),
    "fit: a target of days": lambda: fit(
        ["day"], day=pa.array([0] * ROWS).cast(pa.int32()).cast(pa.date32())
    ),
    "fit: a binary target of three": lambda: fit({"city": "Binary"}),
    "fit: a logarithm of what is negative": lambda: fit(
        {"price": {"type": "Regression", "log": True}}, price=[-1.0, 2.0] * 15
    ),
    "fit: a target that is an input": lambda: fit(inputs={"price": "Numeric"}),
    "fit: names that are there twice": lambda: Learner(["price"]).fit(twice()),
    "fit: no rows": lambda: fit(**{name: cells[:0] for name, cells in GOOD.items()}),
    "fit: columns of different lengths": lambda: fit(size=[1.0, 2.0]),
    "fit: cells of many types": lambda: fit(size=[1, "a", BYTES] * 10),
    "fit: nothing to learn from": lambda: Learner(["y"]).fit(
        {"x": [None] * 9, "y": [1.5, 2.5, 3.5] * 3}
    ),
    "fit: numbers that are words": lambda: fit(inputs={"note": "Numeric"}),
    "fit: dates that are words": lambda: fit(inputs={"city": "Datetime"}),
    "fit: dates in two forms": lambda: fit(
        inputs={"built": "Datetime"}, built=["2001-02-03", "3 Feb 2001"] * 15
    ),
    "fit: text that is all null": lambda: fit(inputs={"note": "Text"}, note=[None] * ROWS),
    "fit: vectors that are words": lambda: fit(inputs={"city": "Vector"}),
    "fit: pictures that are not there": lambda: fit(
        inputs={"photo": "Image"}, photo=["no/such.jpg"] * ROWS
    ),
    "fit: pictures that are numbers": lambda: fit(inputs={"size": "Image"}),
    "fit: meters for degrees": lambda: fit(
        inputs={"at": plait.Geo(columns=("lat", "lon"))},
        lat=[5_330_000.0] * ROWS,
        lon=[690_000.0] * ROWS,
    ),
    "fit: validation rows without labels": lambda: fit(
        valid=without("price", "sold", price=[None] * ROWS, sold=[None] * ROWS)
    ),
    "fit: validation rows without a column": lambda: fit(valid=without("clip")),
    "fit: no table": lambda: Learner(["price"]).fit(3.5),
    "predict: a renamed column": lambda: predict(without("size", sizes=GOOD["size"])),
    "predict: two renamed columns": lambda: predict(
        without("size", "built", Size=GOOD["size"], buildt=GOOD["built"])
    ),
    "predict: a column that is gone": lambda: predict(without("city")),
    "predict: no input at all": lambda: predict({"a": [1], "b": [2]}),
    "predict: text among numbers": lambda: predict(without("size", size=["12", "many"] * 15)),
    "predict: lists for numbers": lambda: predict(without("size", size=[[1.0]] * ROWS)),
    "predict: dates in another form": lambda: predict(
        without("built", built=["3 Feb 2001"] * ROWS)
    ),
    "predict: numbers for dates": lambda: predict(without("built", built=[2001.5] * ROWS)),
    "predict: vectors of another length": lambda: predict(
        without("clip", clip=[[1.0, 2.0]] * ROWS)
    ),
    "predict: a vector of another length": lambda: predict(
        without("clip", clip=[[1.0, 2.0], *GOOD["clip"][1:]])
    ),
    "predict: a column to keep that is misspelled": lambda: predict(GOOD, keep=["ctiy"]),
    "predict: a column to keep under an answer's name": lambda: predict(GOOD, keep=["price"]),
    "predict: names that are there twice": lambda: predict(
        twice().rename_columns(["size", "size", "city"])
    ),
    "evaluate: no labels": lambda: learner().evaluate(without("price", "sold")),
    "evaluate: an input to drop that is misspelled": lambda: learner().evaluate(GOOD, drop=["cty"]),
    "evaluate: a vector for a number": lambda: learner().evaluate(
        GOOD | {"price": [[1.0, 2.0]] * ROWS}
    ),
    "inspect: a target that is misspelled": lambda: plait.inspect(GOOD, ["sould"]),
    "inspect: a target that is all null": lambda: plait.inspect(
        GOOD | {"price": [None] * ROWS}, ["price"]
    ),
    "inspect: numbers that are words": lambda: plait.inspect(GOOD, ["sold"], {"city": "Numeric"}),
    "inspect: a column of one table only": lambda: plait.inspect(
        GOOD, ["sold"], valid=without("clip", more=[1] * ROWS)
    ),
    "inspect: rows that are there twice": lambda: plait.inspect(
        {k: v * 2 for k, v in GOOD.items()}, ["sold"]
    ),
    "inspect: labels that contradict each other": lambda: plait.inspect(
        {k: v * 2 for k, v in GOOD.items()} | {"sold": ["no"] * 30 + ["yes"] * 30}, ["sold"]
    ),
}


def message(case: Callable[[], Any]) -> str:
    """What is said: an error, a warning, or what an inspection found."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", PlaitWarning)
        try:
            found = case()
        except UserError as error:
            return f"{type(error).__name__}: {error}".replace(str(Path.cwd()), "<here>")
    told = [f"{type(each.message).__name__}: {each.message}" for each in warned]
    if found is not None:
        told += [f"problem: {each}" for each in found.problems]
        told += [f"{each.kind}: {each.told}" for each in found.findings]
    return "\n".join(told)


def written() -> dict[str, str]:
    parts = HOME.read_text(encoding="utf-8").split("\n=== ")
    return dict(part.removeprefix("=== ").rstrip("\n").split("\n", 1) for part in parts)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No file of the working folder is found by chance."""
    learner()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", CASES)
def test_the_message_is_the_one_that_was_read_and_found_good(name):
    assert message(CASES[name]) == written()[name]


def test_every_case_has_a_message_of_its_own():
    told = written()
    assert list(told) == list(CASES)
    assert len(CASES) >= 30
    bodies = [text for name, text in told.items()]
    assert all(bodies)
    # The same mistake may be made by two verbs.
    alike = {name.split(": ")[1]: text for name, text in told.items()}
    assert len({*alike.values()}) == len(alike)


def test_a_column_too_many_is_no_mistake():
    wanted = learner().predict(GOOD)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert learner().predict(GOOD | {"more": [BYTES] * ROWS}) == wanted


def test_a_column_that_is_all_null_is_answered_and_counted():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner().predict(GOOD | {"city": [None] * ROWS})
    assert "city 30 missing (100 %, none in training)" in str(learner().account)


if __name__ == "__main__":
    learner()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        blocks = [f"=== {name}\n{message(case)}\n" for name, case in CASES.items()]
    HOME.write_text("".join(blocks), encoding="utf-8")
