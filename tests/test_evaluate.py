import json
import math

import numpy as np
import pytest
from sklearn import metrics

from plait import DataError, Learner, Multiclass, MultiLabel, Ordinal, Regression, Training, _answer
from plait.cli._show import plain

ROWS = 60
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=ROWS)
TABLE = {
    "x": X.tolist(),
    "price": [None if n % 5 == 0 else float(3 * X[n] + n % 2) for n in range(ROWS)],
    "sold": [None if n % 4 == 0 else ("no", "yes")[int(X[n] > 0.1)] for n in range(ROWS)],
    "view": [None if n % 3 == 0 else ("sea", "lake", "road")[n % 7 % 3] for n in range(ROWS)],
    "stars": [None if n % 6 == 0 else int(np.clip(round(X[n] + 3), 1, 5)) for n in range(ROWS)],
    "tags": [
        None if n % 5 == 1 else [t for t in ("a", "b") if (n + ord(t)) % 3] for n in range(ROWS)
    ],
}
TARGETS = {"price": Regression(log=False), "sold": "binary", "view": Multiclass(),
           "stars": Ordinal(), "tags": MultiLabel()}  # fmt: skip


@pytest.fixture(scope="module")
def learner() -> Learner:
    return Learner(TARGETS, width=8, training=Training(epochs=3, device="cpu")).fit(TABLE)


def labeled(learner: Learner, target: str, table: dict = TABLE) -> tuple[list, dict]:
    answers = learner.predict(table)
    rows = [n for n, label in enumerate(table[target]) if label is not None]
    return [table[target][n] for n in rows], {
        name: [cells[n] for n in rows] for name, cells in answers.items()
    }


def test_regression_is_scored_as_scikit_learn_does(learner):
    truth, found = labeled(learner, "price")
    scores = learner.evaluate(TABLE)["price"]
    assert scores["rows"] == len(truth) == 48
    guess = found["price"]
    assert scores["r2"] == pytest.approx(metrics.r2_score(truth, guess), abs=1e-5)
    wanted = metrics.mean_absolute_error(truth, guess)
    assert scores["mean_absolute_error"] == pytest.approx(wanted, rel=1e-5)
    wanted = metrics.root_mean_squared_error(truth, guess)
    assert scores["root_mean_squared_error"] == pytest.approx(wanted, rel=1e-5)


def test_classes_are_scored_as_scikit_learn_does(learner):
    found = learner.evaluate(TABLE)
    truth, answers = labeled(learner, "sold")
    yes = [label == "yes" for label in truth]
    scores, chance = found["sold"], answers["sold_probability"]
    assert scores["roc_auc"] == pytest.approx(metrics.roc_auc_score(yes, chance))
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(truth, answers["sold"]))
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(yes, chance), rel=1e-6)
    truth, answers = labeled(learner, "view")
    assert found["view"]["accuracy"] == metrics.accuracy_score(truth, answers["view"])
    wanted = metrics.f1_score(truth, answers["view"], average="macro")
    assert found["view"]["f1_macro"] == pytest.approx(wanted)
    names = sorted(set(truth))
    chances = [[row[name] for name in names] for row in answers["view_probabilities"]]
    wanted = metrics.log_loss(truth, chances, labels=names)
    assert found["view"]["log_loss"] == pytest.approx(wanted, rel=1e-6)


def test_orders_and_tags_are_scored_as_scikit_learn_does(learner):
    found = learner.evaluate(TABLE)
    truth, answers = labeled(learner, "stars")
    wanted = metrics.cohen_kappa_score(
        truth, answers["stars"], labels=[1, 2, 3, 4, 5], weights="quadratic"
    )
    assert found["stars"]["quadratic_weighted_kappa"] == pytest.approx(wanted)
    wanted = metrics.mean_absolute_error(truth, answers["stars"])
    assert found["stars"]["mean_absolute_error"] == pytest.approx(wanted)
    truth, answers = labeled(learner, "tags")
    right = [set(one) == set(two) for one, two in zip(truth, answers["tags"], strict=True)]
    assert found["tags"]["accuracy"] == pytest.approx(np.mean(right))


def test_the_baseline_knows_nothing_of_the_row(learner):
    blind = learner.evaluate(TABLE).baselines
    assert list(blind) == list(TARGETS)
    assert blind["sold"]["roc_auc"] == 0.5
    assert blind["price"]["r2"] <= 0
    truth, _ = labeled(learner, "view")
    frequent = max(learner.schema.tasks["view"].classes, key=truth.count)
    frequencies = learner.schema.tasks["view"].frequencies
    named = learner.schema.tasks["view"].classes[int(np.argmax(frequencies))]
    assert blind["view"]["accuracy"] == pytest.approx(truth.count(named) / len(truth))
    assert truth.count(frequent) >= truth.count(named)


def test_the_scores_do_not_depend_on_the_size_of_a_chunk(learner, monkeypatch):
    wanted = learner.evaluate(TABLE)
    monkeypatch.setattr(_answer, "CHUNK", 7)
    found = learner.evaluate(TABLE)
    for task, scores in wanted.tasks.items():
        assert found[task] == pytest.approx(scores, rel=1e-4, abs=1e-5)
    assert sorted(map(str, found.notes)) == sorted(map(str, wanted.notes))


def test_a_class_never_seen_counts_as_wrong(learner):
    few = {name: cells[:6] for name, cells in TABLE.items()} | {"view": ["moon"] * 6}
    scores = learner.evaluate(few)["view"]
    assert (scores["rows"], scores["accuracy"]) == (6, 0.0)
    assert math.isnan(scores["log_loss"])


def test_nan_is_no_label(learner):
    holes = [math.nan if cell is None else cell for cell in TABLE["price"]]
    found = learner.evaluate(TABLE | {"price": holes})
    assert found["price"] == learner.evaluate(TABLE)["price"]


def test_targets_without_labels_are_left_out_and_none_at_all_is_told(learner):
    some = {name: cells for name, cells in TABLE.items() if name in ("x", "price")}
    assert list(learner.evaluate(some).tasks) == ["price"]
    none = {"x": TABLE["x"], "sold": [None] * ROWS, "price": [math.nan] * ROWS}
    for table in (none, {"x": TABLE["x"]}):
        with pytest.raises(DataError, match=r"labels of at least one target\. Found none of 'pri"):
            learner.evaluate(table)


def test_one_row_and_one_class_are_scored_as_far_as_can_be(learner):
    row = {name: cells[7:8] for name, cells in TABLE.items()}
    scores = learner.evaluate(row)
    assert math.isnan(scores["sold"]["roc_auc"])
    assert math.isnan(scores["price"]["r2"])
    assert "roc_auc" in str(scores)


def test_scores_are_json(learner):
    row = {name: cells[7:8] for name, cells in TABLE.items()}
    for table in (TABLE, row):
        found = learner.evaluate(table)
        text = json.dumps(plain(found.to_dict()), allow_nan=False)
        assert list(json.loads(text)) == ["tasks", "baselines", "notes"]
        for scores in found.tasks.values():
            assert all(type(value) in (int, float) for value in scores.values())
