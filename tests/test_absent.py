"""Whole inputs that are not there, or are not to be looked at."""

import warnings

import numpy as np
import pytest

from plait import ConfigError, DataError, Learner, PlaitWarning, Training

ROWS = 60
TABLE = {
    "size": [float(n % 13) for n in range(ROWS)],
    "age": [float(n % 7) for n in range(ROWS)],
    "city": [("Ulm", "Bonn", "Kiel")[n % 3] for n in range(ROWS)],
    "clip": [[float(n % 5), 1.0] for n in range(ROWS)],
    "note": [f"a {('red', 'blue')[n % 2]} house with {n % 5} rooms" for n in range(ROWS)],
    "price": [3.0 * (n % 13) + n % 5 for n in range(ROWS)],
    "sold": [n % 2 == 0 for n in range(ROWS)],
}


@pytest.fixture(scope="module")
def learner() -> Learner:
    training = Training(epochs=3, device="cpu")
    return Learner(["price", "sold"], {"note": "Text"}, width=8, training=training).fit(TABLE)


def emptied(*columns: str) -> dict:
    return {name: [None] * ROWS if name in columns else cells for name, cells in TABLE.items()}


@pytest.mark.parametrize("column", ["size", "city", "clip", "note"])
def test_a_column_that_is_not_there_is_one_that_is_empty_and_it_is_told(learner, column):
    table = {name: cells for name, cells in TABLE.items() if name != column}
    with pytest.warns(PlaitWarning, match=rf"The table has no column '{column}'\. Every row"):
        found = learner.predict(table)
    assert found == learner.predict(emptied(column))
    assert found != learner.predict(TABLE)


def test_several_columns_may_be_gone_but_not_all(learner):
    with pytest.warns(PlaitWarning, match=r"no column (?=.*'size')(?=.*'city').*'note'"):
        found = learner.predict({"age": TABLE["age"], "clip": TABLE["clip"]})
    assert found == learner.predict(emptied("size", "city", "note"))
    with pytest.raises(DataError, match=r"5 problems(.|\n)*'note'(.|\n)*'size'"):
        learner.predict({"zzz": [1]})


def test_a_name_that_is_nearly_there_is_a_slip(learner):
    table = {**TABLE, "notes": TABLE["note"]}
    del table["note"]
    with pytest.raises(DataError, match=r"no column 'note' in the table\. Did you mean 'notes'"):
        learner.predict(table)


@pytest.mark.parametrize(
    ("drop", "columns"),
    [("note", ["note"]), (["numbers"], ["size", "age"]), (["age", "clip"], ["age", "clip"])],
)
def test_scores_without_an_input_are_those_of_a_table_in_which_it_is_empty(learner, drop, columns):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what was asked for is no surprise
        found = learner.evaluate(TABLE, drop=drop)
    assert found.tasks == learner.evaluate(emptied(*columns)).tasks
    assert found.tasks != learner.evaluate(TABLE).tasks


def test_what_cannot_be_dropped_is_told(learner):
    with pytest.raises(ConfigError, match=r"no input 'nots' to drop\. Did you mean 'note'"):
        learner.evaluate(TABLE, drop=["nots"])
    with pytest.raises(ConfigError, match="At least one column of the inputs should be left"):
        learner.evaluate(TABLE, drop=list(learner.schema.inputs))


def test_a_dropped_input_needs_no_column(learner):
    table = {name: cells for name, cells in TABLE.items() if name != "note"}
    wanted = learner.evaluate(TABLE, drop="note")
    assert learner.evaluate(table, drop="note").tasks == wanted.tasks


def test_a_dropped_input_is_never_encoded(learner):
    calls = []
    place = learner.model.inputs.index("note")
    handle = learner.model.encoders[place].register_forward_hook(lambda *_: calls.append(1))
    learner.evaluate(TABLE, drop="note")
    assert not calls
    learner.evaluate(TABLE)
    assert calls
    handle.remove()
    assert np.isfinite(learner.evaluate(TABLE, drop="note")["price"]["r2"])
