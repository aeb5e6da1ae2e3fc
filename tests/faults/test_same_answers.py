"""Promises 16 and 18: an answer is that of its row, in any company and by any door."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow
from pyarrow import parquet

import plait
from plait import Learner, PlaitWarning, Training
from plait.__main__ import main

NEAR = 1e-6
"""How far answers may lie apart, in float32, of targets in standard units."""
ROWS = 100
DRAW = np.random.default_rng(0)
TABLE: dict[str, list] = {
    "size": [float(x) if n % 7 else None for n, x in enumerate(DRAW.normal(size=ROWS))],
    "city": [("Ulm", "Bonn", None, "Kiel")[n % 4] for n in range(ROWS)],
    "note": [" ".join(["a flat near the lake"] * (n % 6)) + f" {n}" for n in range(ROWS)],
    "tags": [["x", "y", "z"][: n % 4] for n in range(ROWS)],
    "clip": DRAW.normal(size=(ROWS, 3)).tolist(),
    "flow": [DRAW.normal(size=(n % 5, 2)).tolist() for n in range(ROWS)],
    "price": DRAW.normal(size=ROWS).tolist(),
    "sold": [bool(n % 2) for n in range(ROWS)],
    "view": [("sea", "lake", "road")[n % 3] for n in range(ROWS)],
    "stars": [1 + n % 5 for n in range(ROWS)],
    "smells": [["sweet", "fresh"][: n % 3] for n in range(ROWS)],
}
TARGETS = {"price": "Regression", "sold": "Binary", "view": "Multiclass", "stars": "Ordinal",
           "smells": "MultiLabel"}  # fmt: skip
SHAPES: dict[str, dict] = {
    "attention over all inputs": {},
    "no mixing": {"fusion": "Concat"},
    "a mean": {"fusion": "Mean", "sharing": "MMoE"},
    "a bottleneck": {"fusion": "Bottleneck", "sharing": "PLE"},
    "products": {"fusion": "LowRank", "sharing": "CrossStitch"},
    "decisions": {"fusion": "LateMean", "sharing": "TaskQueries"},
    "one input": {"inputs": dict.fromkeys(["note", "tags", "clip", "flow", "city"], "ignore")},
    "a transformer of text": {"inputs": {"note": {"type": "Text", "encoder": "transformer"}}},
}


@pytest.fixture(scope="module", params=SHAPES.values(), ids=SHAPES)
def learner(request) -> Learner:
    said = dict(request.param)
    inputs = {"note": "Text", "flow": "Series", **said.pop("inputs", {})}
    training = Training(epochs=2, batch_size=32, device="cpu")
    return Learner(TARGETS, inputs, width=16, training=training, cache=False, **said).fit(TABLE)


def numbers(answers: dict) -> dict[str, np.ndarray]:
    """All that is a number among answers: values and probabilities."""
    found = {}
    for name, cells in answers.items():
        if isinstance(cells[0], dict):
            found[name] = np.array([list(cell.values()) for cell in cells])
        elif isinstance(cells[0], float):
            found[name] = np.array(cells)
    return found


def taken(rows: np.ndarray | list[int]) -> dict[str, list]:
    return {name: [cells[row] for row in rows] for name, cells in TABLE.items()}


def answered(learner: Learner, rows: np.ndarray | list[int]) -> dict[str, np.ndarray]:
    return numbers(learner.predict(taken(rows)))


def near(some: dict[str, np.ndarray], whole: dict[str, np.ndarray], rows: np.ndarray) -> None:
    assert set(some) == set(whole)
    for name, values in some.items():
        assert np.abs(values - whole[name][rows]).max() <= NEAR, name


@pytest.mark.parametrize("size", [1, 7, 64])
def test_answers_do_not_depend_on_how_many_are_asked_at_a_time(learner, size):
    whole = answered(learner, range(ROWS))
    assert len(whole) >= 5
    rows = np.arange(ROWS)
    for start in range(0, ROWS, size) if size > 1 else range(0, ROWS, 9):
        some = rows[start : start + size]
        near(answered(learner, some), whole, some)


def test_nor_on_their_order_nor_on_how_often_they_are_asked(learner):
    whole = answered(learner, range(ROWS))
    for rows in (np.arange(ROWS)[::-1], DRAW.permutation(ROWS), DRAW.integers(0, ROWS, 40)):
        near(answered(learner, rows), whole, rows)


def test_nor_on_other_rows_be_they_ever_so_strange(learner):
    whole = answered(learner, range(ROWS))
    strange = {
        "size": [1e300, float("nan"), None],
        "city": ["Rome", "", None],
        "note": ["😀 " * 500, "", None],
        "tags": [["q"] * 50, [], None],
        "clip": [[1e30, -1e30, 0.0], None, [float("nan")] * 3],
        "flow": [[[1e9, -1e9]] * 60, [], None],
    }
    rows = np.arange(10)
    some = taken(rows)
    both = {name: [*strange[name], *some[name]] for name in strange}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlaitWarning)
        answers = numbers(learner.predict(both))
    found = {name: values[3:] for name, values in answers.items()}
    near(found, whole, rows)


def test_nor_on_the_parts_that_a_long_table_is_read_in(learner, monkeypatch):
    whole = answered(learner, range(ROWS))
    for size in (1, 7, 64):
        monkeypatch.setattr("plait._answer.CHUNK", size)
        near(answered(learner, range(ROWS)), whole, np.arange(ROWS))


def test_answers_of_pictures_are_those_of_their_row_too(tmp_path):
    for n in range(24):
        pixels = DRAW.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).save(tmp_path / f"{n}.png")
    table = {"photo": [f"{n}.png" for n in range(24)], "y": DRAW.normal(size=24).tolist()}
    learner = Learner(["y"], width=8, training=Training(epochs=1, device="cpu"), cache=False)
    learner.fit(table, root=tmp_path)
    whole = np.array(learner.predict(table, root=tmp_path)["y"])
    for size in (1, 7, 24):
        some = {"photo": table["photo"][:size][::-1]}
        found = np.array(learner.predict(some, root=tmp_path)["y"])
        assert np.abs(found - whole[:size][::-1]).max() <= NEAR


def strange_rows(rows: int) -> pa.Table:
    """Rows with holes, strangers, empty text and numbers out of range."""
    draw = np.random.default_rng(5)
    return pa.table(
        {
            "size": [float(x) if n % 3 else None for n, x in enumerate(draw.normal(0, 99, rows))],
            "city": [("Ulm", "Rome", None, "", "Ōsaka")[n % 5] for n in range(rows)],
            "note": [("", None, "a flat", "日本", f"{n} lakes")[n % 5] for n in range(rows)],
            "clip": [[float(n), 1.0, 0.0] if n % 4 else None for n in range(rows)],
            "seen": [None if n % 6 == 0 else f"20{n % 40 + 10}-01-02" for n in range(rows)],
        }
    )  # fmt: skip


@pytest.mark.parametrize("ending", ["parquet", "arrow", "jsonl", "csv"])
def test_python_and_the_command_line_agree_on_a_thousand_rows(tmp_path, ending, capsys):
    rows = strange_rows(1_000)
    parquet.write_table(rows, tmp_path / "rows.parquet")
    few = {name: TABLE[name] for name in ("size", "city", "note", "clip", "price", "sold", "view")}
    few["seen"] = [f"2020-{1 + n % 12:02d}-01" for n in range(ROWS)]
    training = Training(epochs=1, device="cpu")
    learner = Learner(["price", "sold", "view"], width=8, training=training, cache=False).fit(few)
    run = learner.save(tmp_path / "run")
    target = tmp_path / f"answers.{ending}"
    assert main(["predict", str(run), str(tmp_path / "rows.parquet"), "-o", str(target)]) == 0
    capsys.readouterr()
    wanted = learner.predict(rows)
    loaded = plait.load(run).predict(tmp_path / "rows.parquet")
    assert loaded.to_pydict() == wanted.to_pydict()
    found = plait.Table.of(target).arrow
    assert found.num_rows == 1_000
    assert found["view"].to_pylist() == wanted["view"].to_pylist()
    flat = wanted.flatten() if ending == "csv" else wanted
    assert found.column_names == flat.column_names
    for name in ("price", "sold_probability"):
        gap = np.abs(np.array(found[name].to_pylist()) - np.array(flat[name].to_pylist()))
        assert gap.max() <= (1e-5 if ending == "csv" else 0.0), name
