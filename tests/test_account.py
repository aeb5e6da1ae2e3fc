import json

import pytest

import plait
from plait import Account, Learner, NotFittedError, Training

ROWS = 60
TABLE = {
    "size": [n + 0.5 for n in range(ROWS)],
    "rooms": [float(n % 5) if n % 4 else None for n in range(ROWS)],
    "city": [("Ulm", "Bonn", "Kiel")[n % 3] for n in range(ROWS)],
    "note": [f"a fine flat with {n} windows" for n in range(ROWS)],
    "built": [f"2001-{1 + n % 12:02d}-03" for n in range(ROWS)],
    "price": [2.0 * n for n in range(ROWS)],
}
STRANGE = {
    "size": [None, 1e9, 3.0, 4.0],
    "rooms": [1.0, 2.0, None, 3.0],
    "city": ["Ulm", "Rome", "Oslo", None],
    "note": ["a fine flat", "日本語の部屋", "", "windows"],
    "built": ["2001-05-03", "2033-01-01", None, "1901-01-01"],
}


@pytest.fixture(scope="module")
def learner() -> Learner:
    return Learner(["price"], width=8, training=Training(epochs=1, device="cpu")).fit(TABLE)


def counts(account: Account) -> dict[tuple[str, str], int]:
    return {(m.column, m.what): m.count for found in account.inputs.values() for m in found}


def test_every_kind_of_stranger_is_counted(learner):
    learner.predict(STRANGE)
    found = counts(learner.account)
    assert found["size", "missing"] == found["size", "out of range"] == 1
    assert found["city", "unseen"] == 2
    assert found["city", "missing"] == 1
    assert found["note", "missing"] == 1
    assert found["note", "unseen tokens"] == 6
    assert found["built", "out of range"] == 2
    assert found["built", "missing"] == 1


def test_what_is_usual_is_no_news(learner):
    learner.predict(STRANGE)
    news = {m.column for found in learner.account.inputs.values() for m in found if m.news}
    assert news == {"size", "city", "note", "built"}
    (rooms,) = [m for m in learner.account.inputs["numbers"] if m.column == "rooms"]
    assert rooms.usual == pytest.approx(0.25)
    assert str(rooms) == "rooms 1 missing (25 %, 25 % in training)"


def test_rows_of_training_bring_no_news(learner):
    learner.predict(TABLE)
    assert not learner.account.news
    assert learner.account.rows == ROWS
    learner.predict({name: TABLE[name][5:7] for name in TABLE if name != "price"})
    assert learner.account.lines == []
    assert str(learner.account) == "every cell was taken as it stood"


def test_an_absent_column_is_all_missing(learner):
    with pytest.warns(plait.PlaitWarning, match="no column 'city'"):
        learner.predict({name: STRANGE[name] for name in STRANGE if name != "city"})
    assert counts(learner.account)["city", "missing"] == 4


def test_the_parts_of_a_stream_are_added_up(learner, monkeypatch):
    monkeypatch.setattr("plait._answer.CHUNK", 1)
    parts = learner.stream(STRANGE)
    next(parts)
    assert learner.account.rows == 1
    assert len(list(parts)) == 3
    streamed = learner.account
    monkeypatch.undo()
    learner.predict(STRANGE)
    assert counts(streamed) == counts(learner.account)


def test_evaluate_counts_inputs_and_no_labels(learner):
    learner.evaluate(STRANGE | {"price": [1.0, None, 2.0, 3.0]})
    assert counts(learner.account)["city", "unseen"] == 2
    assert all(column != "price" for column, _ in counts(learner.account))


def test_what_is_usual_is_saved(learner, tmp_path):
    again = plait.load(learner.save(tmp_path / "m"))
    assert again.schema == learner.schema
    again.predict(STRANGE)
    learner.predict(STRANGE)
    assert again.account == learner.account
    assert json.loads(json.dumps(again.account.to_dict(), allow_nan=False))["news"] is True


def test_a_model_of_an_older_schema_has_nothing_to_compare_with(learner):
    plain = learner.schema.to_dict()
    del plain["usual"]
    schema = plait.Schema.from_dict(plain)
    account = Account.of(schema, 4, schema.pack(STRANGE).notes)
    assert counts(account)["city", "unseen"] == 2
    assert not account.news
    assert "training" not in str(account)


def test_counts_know_of_rows_that_are_held_on_disk(tmp_path):
    few = Learner(["price"], width=8, training=Training(epochs=1, device="cpu"), memory=2_000)
    few.fit({name: cells * 20 for name, cells in TABLE.items()})
    assert few.schema.usual
    assert few.schema.usual["rooms"]["missing"] == pytest.approx(0.25)


def test_before_any_answer_there_is_no_account():
    with pytest.raises(NotFittedError, match="answered no table yet"):
        Learner(["price"]).account  # noqa: B018
