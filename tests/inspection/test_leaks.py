import numpy as np
import pytest

from plait import inspect

from .kit import ROWS, TARGETS, sound

TABLE = sound()
PRICE, SOLD, VIEW = (np.array(TABLE[name]) for name in TARGETS)
DRAW = np.random.default_rng(1)
WHEN = [str(np.datetime64("2021-01-01") + n) for n in range(ROWS)]


def leaks(**more) -> list[tuple]:
    found = inspect(TABLE | more, TARGETS).of("leak")
    return [(each.column, each.target) for each in found]


PLANTED = {
    "a number times another": (list(PRICE * 1.19 + 3), "price"),
    "with a little noise": (list(PRICE + DRAW.normal(0, 0.5, ROWS)), "price"),
    "a number that turns": (list((PRICE - 180) ** 3), "price"),
    "a number with holes": ([p if n % 150 else None for n, p in enumerate(PRICE * 2)], "price"),
    "a number as text": ([f"{p:.2f}" for p in PRICE], "price"),
    "a flag": ([float(s) for s in SOLD], "sold"),
    "a threshold": ([DRAW.uniform(5, 9) if s else DRAW.uniform(0, 4) for s in SOLD], "sold"),
    "what half of the rows have": ([p if n % 2 else None for n, p in enumerate(PRICE)], "price"),
    "classes by another name": ([{"sea": "A", "lake": "B", "road": "C"}[v] for v in VIEW], "view"),
    "finer classes": ([f"{v} {DRAW.integers(9)}" for v in VIEW], "view"),
    "codes of classes": ([{"sea": 7, "lake": 1, "road": 4}[v] for v in VIEW], "view"),
    "the first letter of a key": ([f"{v[0]}{DRAW.integers(10**9)}" for v in VIEW], "view"),
    "the number in a key": ([f"k-{5000 * s + n:06d}" for n, s in enumerate(SOLD)], "sold"),
    "a time after the event": ([WHEN[n] if s else None for n, s in enumerate(SOLD)], "sold"),
    "a time of half of the events": (
        [WHEN[n] if s and n % 2 else None for n, s in enumerate(SOLD)],
        "sold",
    ),
    "a reason that only some have": (
        [f"because {DRAW.integers(5)}" if s and n % 3 else None for n, s in enumerate(SOLD)],
        "sold",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "target"), PLANTED.values(), ids=PLANTED)
def test_a_planted_leak_is_found(cells, target):
    assert leaks(planted=cells) == [("planted", target)]


def test_an_id_of_which_the_half_tells_the_class_is_found_though_no_model_sees_it():
    long = sound(rows=2_000)
    order = np.argsort(long["sold"], kind="stable")
    table = {name: [cells[row] for row in order] for name, cells in long.items()}
    (leak,) = inspect(table | {"id": list(range(1000, 3000))}, TARGETS).of("leak")
    assert (leak.column, leak.target) == ("id", "sold")
    assert "No model sees it; but rows beside each other" in leak.told


def test_the_time_between_two_times_is_tried():
    begin = np.datetime64("2021-03-01") + DRAW.integers(0, 900, ROWS).astype("timedelta64[D]")
    end = begin + PRICE.round().astype("timedelta64[D]")
    (leak,) = inspect(TABLE | {"in": begin, "out": end}, TARGETS).of("leak")
    assert leak.told.startswith("The time between 'in' and 'out' alone gives 'price' away")
    assert leak.figures["columns"] == ["in", "out"]


@pytest.mark.parametrize("seed", range(8))
def test_a_sound_table_raises_no_alarm(seed):
    assert inspect(sound(seed), TARGETS, valid=sound(seed + 100)).findings == ()


@pytest.mark.parametrize(
    "cells",
    [
        list(PRICE + DRAW.normal(0, 12, ROWS)),
        [float(s) if DRAW.random() > 0.05 else 1.0 - s for s in SOLD],
        [v if DRAW.random() > 0.1 else "sea" for v in VIEW],
        [None if DRAW.random() > 0.5 else 1.5 for _ in SOLD],
    ],
    ids=["a good number", "a good flag", "good classes", "holes by chance"],
)
def test_what_is_good_is_no_leak(cells):
    assert leaks(planted=cells) == []


def test_too_few_rows_say_nothing():
    few = {name: cells[:30] for name, cells in TABLE.items()}
    assert inspect(few | {"planted": few["price"]}, TARGETS).of("leak") == ()


def test_rare_answers_count_and_not_rows():
    rare = [n % 20 == 0 for n in range(ROWS)]
    blind = {"x": [float(n * 7 % 11) for n in range(ROWS)], "y": rare}
    assert inspect(blind, ["y"]).of("leak") == ()  # 95 % are right by saying no
    assert len(inspect(blind | {"z": [float(r) for r in rare]}, ["y"]).of("leak")) == 1


def test_vectors_lists_and_orders_have_leaks_too():
    numbers = [[float(p), -float(p) / 2] for p in PRICE]
    labels = [["sold", v] if s else [v] for s, v in zip(SOLD, VIEW, strict=True)]
    table = {"planted": list(PRICE), "flag": [str(s) for s in SOLD], "v": numbers, "l": labels}
    found = inspect(table, {"v": "Regression", "l": "MultiLabel"}).of("leak")
    assert [(each.column, each.target) for each in found] == [("planted", "v"), ("flag", "l")]
    stars = [int(p // 60) for p in PRICE]
    found = inspect({"x": list(PRICE), "stars": stars}, {"stars": "Ordinal"}).of("leak")
    assert [(each.column, each.target) for each in found] == [("x", "stars")]


def test_a_long_table_is_tried_in_part_and_says_so(monkeypatch):
    monkeypatch.setattr("plait.inspection._leaks.TRIED", 200)
    found = inspect(TABLE | {"planted": list(PRICE)}, TARGETS)
    assert found.tried == {"leaks": 200}
    assert found.of("leak")[0].figures["rows"] == 200
