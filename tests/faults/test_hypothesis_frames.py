"""Promise 21: whatever is in a table, there is an answer, or an error of plait's that says why."""

import math
import warnings

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import plait
from plait import Learner, NonFiniteError, PlaitWarning, Training, UserError

from .frames import CELLS, columns, others, tables

QUICK = Training(epochs=1, batch_size=16, device="cpu")
CLEAR = (UserError, NonFiniteError)
"""What may be raised: errors that say what is wrong and what to do."""


def often(examples: int):
    """So many tables, the same ones in each run, and no clock."""
    return settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def sound(learner: Learner, answers: pa.Table, rows: int) -> None:
    """Every row has an answer, and none of it is NaN or infinite; a class may be called so."""
    assert len(answers) == rows
    classes = {t.column for t in learner.schema.tasks.values() if getattr(t, "classes", None)}
    for name in answers.column_names:
        column = answers.column(name)
        assert column.null_count == 0, name
        if name in classes:
            continue
        for cell in column.to_pylist():
            for part in parts(cell):
                assert not isinstance(part, float) or math.isfinite(part), (name, cell)


def parts(cell: object) -> list:
    if isinstance(cell, dict):
        return list(cell.values())
    return cell if isinstance(cell, list) else [cell]


def said(error: Exception) -> None:
    """An error is a sentence: it is not empty, and ends as one."""
    assert len(str(error)) > 20, repr(error)


def fit_and_answer(table: pa.Table, other: pa.Table) -> None:
    targets = [name for name in ("y", "z") if name in table.column_names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlaitWarning)
        learner = Learner(targets, width=8, training=QUICK, cache=False, valid=0.0)
        try:
            learner.fit(table, progress=False)
        except CLEAR as error:
            said(error)
            return
        sound(learner, learner.predict(table), len(table))
        assert learner.account.rows == len(table)
        try:
            sound(learner, learner.predict(other), len(other))
        except CLEAR as error:
            said(error)


def inspected(table: pa.Table, other: pa.Table) -> None:
    try:
        found = plait.inspect(table, ["y"], valid=other)
    except CLEAR as error:
        said(error)
    else:
        assert found.rows == len(table)
        assert all(finding.told for finding in found.findings)


ROWS = 40
DRAW = np.random.default_rng(0)
KINDS = {
    "size": "small",
    "city": "few",
    "note": "sentences",
    "seen": "written days",
    "tags": "tags",
    "vector": "vectors",
    "code": "whole",
}
TRAINED = {
    "size": DRAW.normal(size=ROWS).tolist(),
    "city": DRAW.choice(["a", "b", "c"], ROWS).tolist(),
    "note": [f"a red flat near the lake with {n} windows" for n in range(ROWS)],
    "seen": [f"2020-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(ROWS)],
    "tags": [["x", "y"][: n % 3] for n in range(ROWS)],
    "vector": DRAW.normal(size=(ROWS, 3)).tolist(),
    "code": DRAW.integers(0, 9, ROWS).tolist(),
    "price": DRAW.normal(size=ROWS).tolist(),
    "sold": [bool(n % 2) for n in range(ROWS)],
    "view": DRAW.choice(["sea", "lake", "road"], ROWS).tolist(),
}
BARE = pa.schema([(name, pa.null()) for name in KINDS])


@pytest.fixture(scope="module")
def learner() -> Learner:
    said = {"tags": "Tags", "note": "Text", "seen": "Datetime", "code": "Categorical"}
    return Learner(["price", "sold", "view"], said, width=8, training=QUICK, cache=False).fit(
        TRAINED
    )


def answered(learner: Learner, other: pa.Table) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlaitWarning)
        try:
            answers = learner.predict(other)
        except CLEAR as error:
            said(error)
        else:
            sound(learner, answers, len(other))
            assert learner.account.rows == len(other)


@often(15)
@given(tables(), tables())
def test_fifteen_tables_to_learn_from(table, other):
    fit_and_answer(table, other)


@often(35)
@given(other=others(BARE, KINDS))
def test_thirty_five_tables_to_answer(learner, other):
    answered(learner, other)


@often(20)
@given(tables(), tables())
def test_twenty_tables_to_inspect(table, other):
    inspected(table, other)


@pytest.mark.parametrize("kind", CELLS)
@often(1)
@given(data=st.data())
def test_each_kind_of_cell_in_every_column_of_a_model(learner, kind, data):
    answered(learner, pa.table({name: data.draw(columns(6, kind)) for name in KINDS}))


@pytest.mark.slow
@often(2_000)
@given(tables(), tables())
def test_two_thousand_tables_to_learn_from(table, other):
    fit_and_answer(table, other)


@pytest.mark.slow
@often(8_000)
@given(other=others(BARE, KINDS))
def test_eight_thousand_tables_to_answer(learner, other):
    answered(learner, other)


@pytest.mark.slow
@often(1_000)
@given(tables(), tables())
def test_a_thousand_tables_to_inspect(table, other):
    inspected(table, other)
