import numpy as np
import pytest

from plait import inspect

from .kit import TARGETS, sound

TABLE, OTHER = sound(), sound(1)
DRAW = np.random.default_rng(2)


def drifted(**changed) -> dict[str, str]:
    found = inspect(TABLE, TARGETS, valid=OTHER | changed)
    return {each.column or "": each.told for each in found.findings if each.kind == "drift"}


CHANGED = {
    "a mean that moved": ("age", [a + 5 for a in OTHER["age"]], "standard deviations"),
    "a spread that grew": ("age", [30 + 4 * (a - 30) for a in OTHER["age"]], "differ by up to"),
    "units": ("size", [s and s * 10 for s in OTHER["size"]], "mean moved"),
    "holes": ("age", [a if n % 4 else None for n, a in enumerate(OTHER["age"])], "25 % of its"),
    "later times": ("seen", [f"2029-01-{1 + n % 28:02d}" for n in range(400)], "mean moved"),
    "other shares": ("city", ["Ulm"] * 300 + OTHER["city"][300:], "shares of its categories"),
    "strangers": ("city", ["Rome"] * 20 + OTHER["city"][20:], "5 % of its cells hold"),
    "labels": ("sold", [False] * 390 + [True] * 10, "The target 'sold'"),
    "numbers to answer": ("price", [2 * p for p in OTHER["price"]], "The target 'price'"),
}


@pytest.mark.parametrize(("column", "cells", "told"), CHANGED.values(), ids=CHANGED)
def test_a_planted_change_is_found_and_no_other(column, cells, told):
    found = drifted(**{column: cells})
    assert list(found) == [column]
    assert told in found[column]


def test_chance_is_no_drift_even_in_small_tables():
    for seed in range(10):
        small = {name: cells[:60] for name, cells in sound(seed + 50).items()}
        assert inspect(TABLE, TARGETS, valid=small).of("drift") == ()


def test_many_rare_categories_bring_strangers_that_are_usual():
    names = [f"n{DRAW.integers(300)}" for _ in range(800)]
    one, other = {"who": names[:400]}, {"who": names[400:]}
    rest = {"x": DRAW.normal(size=400).tolist()}
    said = {"who": "Categorical"}
    assert inspect(one | rest, (), said, valid=other | rest).of("drift") == ()


def test_texts_and_lists_are_compared_by_their_lengths():
    one = {"t": [f"some words of {n} and more" for n in range(200)], "l": [["a", "b"]] * 200}
    other = {"t": [f"short {n} x" for n in range(200)], "l": [["a", "c"]] * 200}
    found = inspect(one, (), valid=other).of("drift")
    assert {each.column for each in found} == {"t", "l"}


def test_columns_of_one_table_only_are_named():
    other = {name: cells for name, cells in OTHER.items() if name != "age"} | {"new": [1] * 400}
    found = inspect(TABLE, TARGETS, valid=other).of("columns")
    assert [(each.column, each.figures["in"]) for each in found] == [
        ("age", "first"),
        ("new", "second"),
    ]


def test_a_column_of_another_type_is_compared_all_the_same():
    other = OTHER | {"age": [f"{a:.3f}" for a in OTHER["age"]], "city": list(range(400))}
    assert set(inspect(TABLE, TARGETS, valid=other).to_dict()) >= {"findings", "valid_rows"}
    assert set(drifted(age=other["age"])) == set()
    assert set(drifted(city=other["city"])) == {"city"}


def test_an_empty_column_of_the_second_table_is_told():
    assert "100 % of its cells are empty" in drifted(age=[None] * 400)["age"]
