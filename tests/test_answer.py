import pyarrow as pa
import pytest

from plait import ConfigError, DataError, Learner, Training, _answer
from plait._answer import answer
from plait.data import Source

TABLE = {
    "size": [float(n) if n % 6 else None for n in range(30)],
    "city": [("Ulm", "Bonn")[n % 2] for n in range(30)],
    "price": [2.0 * n for n in range(30)],
}


@pytest.fixture(scope="module")
def learner() -> Learner:
    return Learner(["price"], width=8, training=Training(epochs=1, device="cpu")).fit(TABLE)


def test_notes_of_all_parts_are_added_up_and_each_part_is_told(learner, monkeypatch):
    monkeypatch.setattr(_answer, "CHUNK", 7)
    done: list[int] = []
    table = Source.of(TABLE | {"city": ["Rome"] * 30})
    found = answer(learner.schema, learner.model, table, on_rows=done.append)
    assert done == [7, 14, 21, 28, 30]
    assert "size: 5 missing" in map(str, found.notes)
    assert "city: 30 unseen (Rome)" in map(str, found.notes)
    assert found.table.num_rows == 30


def test_kept_columns_come_first_and_once(learner):
    table = Source.of(TABLE)
    found = answer(learner.schema, learner.model, table, ["city", "size", "city"])
    assert found.table.column_names == ["city", "size", "price"]
    assert found.table["city"].to_pylist() == TABLE["city"]


def test_a_kept_column_may_be_one_that_the_model_does_not_read(learner):
    table = Source.of(pa.table(TABLE | {"odd": pa.array([{"a": 1}] * 30)}))
    assert answer(learner.schema, learner.model, table, "odd").table["odd"][3].as_py() == {"a": 1}


def test_problems_are_told_at_once(learner):
    with pytest.raises(DataError, match=r"2 problems(.|\n)*'nope'(.|\n)*'never'"):
        answer(learner.schema, learner.model, Source.of(TABLE), ["nope", "never"])


def test_the_model_is_left_in_its_mode(learner):
    learner.model.train()
    wanted = learner.predict(TABLE)
    assert learner.model.training
    learner.model.eval()
    assert learner.predict(TABLE) == wanted


def test_shares_one_after_the_other_are_all_answers(learner, monkeypatch):
    monkeypatch.setattr(_answer, "CHUNK", 7)
    whole = pa.concat_tables(learner.stream(TABLE, keep="size"))
    parts, rows, told = [], [], []
    for rank in range(3):
        parts += learner.stream(TABLE, keep="size", share=(rank, 3))
        rows.append(learner.account.rows)
        told.append(sum(met.count for met in learner.account.inputs["size"]))
    assert pa.concat_tables(parts).equals(whole)
    assert rows == [14, 14, 2]
    assert told == [3, 2, 0]


def test_there_is_no_third_share_of_two(learner):
    with pytest.raises(ConfigError, match=r"`share` should be the number of a process"):
        next(learner.stream(TABLE, share=(2, 2)))
