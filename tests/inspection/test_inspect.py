import json
from pathlib import Path

import pytest

import plait
from plait import DataError, inspect

from .kit import ROWS, TARGETS, sound

TABLE = sound()


def kinds(**more) -> list[tuple]:
    return [(each.kind, each.column) for each in inspect(TABLE | more, TARGETS).findings]


def test_shuffled_numbers_of_rows_are_an_id():
    assert kinds(serial=[n * 7 % ROWS + 1 for n in range(ROWS)]) == [("id", "serial")]
    assert kinds(serial=[float(n * 7 % ROWS) for n in range(ROWS)]) == [("id", "serial")]


def test_sparse_or_repeated_whole_numbers_are_no_id():
    assert kinds(serial=[n * 7919 % 100_003 for n in range(ROWS)]) == []
    assert kinds(serial=[n // 2 * 7 % 200 for n in range(ROWS)]) == []


@pytest.mark.parametrize("cells", [["x"] * (ROWS - 1) + ["y"], [None] * (ROWS - 2) + [1.5, 2.5]])
def test_what_hardly_ever_changes_is_told(cells):
    assert kinds(dull=cells) == [("constant", "dull")]


def test_what_no_model_sees_is_not_called_constant():
    columns = {c["name"]: c for c in inspect(TABLE | {"dull": [3] * ROWS}, TARGETS).columns}
    assert columns["dull"]["kind"] == "ignore"
    assert kinds(dull=[3] * ROWS) == []


def test_everything_is_plain_for_json():
    table = TABLE | {"planted": TABLE["price"], "serial": [n * 7 % ROWS for n in range(ROWS)]}
    found = inspect(table, TARGETS, valid=table)
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert {each["kind"] for each in plain["findings"]} == {"leak", "id", "shared"}
    assert str(found).count("\n") == len(found.findings) - 1


def test_a_table_is_left_as_it_was_and_every_kind_of_input_is_taken():
    table = {
        "v": [[1.0, 2.0]] * 60,
        "tags": [["a", "b"]] * 60,
        "bag": [[f"one text with words {n}"] for n in range(60)],
        "lat": [48.1 + n / 60 for n in range(60)],
        "lon": [11.5 + n / 60 for n in range(60)],
        "bytes": [b"\x89PNG"] * 60,
        "struct": [{"time": n, "value": 1.0} for n in range(60)],
        "none": [None] * 60,
        "y": [float(n % 7) for n in range(60)],
    }
    found = inspect(table, ["y"], valid=table)
    assert len(found.columns) == 8
    assert list(table["y"]) == [float(n % 7) for n in range(60)]


def test_a_sound_table_has_no_findings_and_says_so():
    found = inspect(TABLE, "price", {"sold": "ignore", "view": "ignore"})
    assert str(found) == "nothing was found"
    assert found.tried == {}


def test_the_bundled_tables_raise_no_false_alarm():
    sets = {
        "clothing/reviews.csv": ["Rating", "Recommended IND"],
        "fashion/products.csv": ["masterCategory", "subCategory", "articleType", "baseColour",
                                 "usage"],
    }  # fmt: skip
    home = Path(__file__).parents[2] / "examples" / "data"
    for name, targets in sets.items():
        assert inspect(home / name, targets).of("leak") == ()
        assert inspect(home / name, targets).of("id") == ()
    found = inspect(home / "fashion/products.csv", ["masterCategory"]).of("leak")
    assert {each.column for each in found} == {"subCategory"}


def test_wrong_words_are_refused_as_by_a_learner():
    with pytest.raises(DataError, match="Did you mean 'price'"):
        inspect(TABLE, ["prize"])
    with pytest.raises(DataError, match="no column 'citi' to make an input of"):
        inspect(TABLE, ["price"], {"citi": "ignore"})
    assert plait.inspect is inspect
