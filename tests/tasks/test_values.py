"""Losses and metrics against formulas, scikit-learn and hand-computed cases."""

import math

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn import metrics

from plait.data import Masked, Table
from plait.tasks import Binary, Multiclass, MultiLabel, Ordinal, Regression


def fit(task, labels):
    table = Table.of({"y": labels})
    known = task.fit(table)
    return known, known.pack(table).cells


def test_ordinal_error_is_the_log_likelihood_of_corn():
    task, target = fit(Ordinal(column="y"), [1, 2, 3])
    output = torch.randn(3, 2)
    first, second = output.sigmoid().unbind(1)
    wanted = -torch.stack([1 - first[0], first[1] * (1 - second[1]), first[2] * second[2]]).log()
    assert torch.allclose(task.errors(output, target.values), wanted, atol=1e-6)


def test_soft_and_smooth_cross_entropy():
    soft = [[0.2, 0.8], [1.0, 0.0]]
    task, target = fit(Multiclass(column="y"), soft)
    output = torch.randn(2, 2)
    wanted = -(torch.tensor(soft) * output.log_softmax(1)).sum(1)
    assert torch.allclose(task.errors(output, target.values), wanted)
    task, target = fit(Multiclass(column="y", smoothing=0.2), ["a", "b"])
    smooth = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    wanted = -(smooth * output.log_softmax(1)).sum(1)
    assert torch.allclose(task.errors(output, target.values), wanted)


def test_binary_weight_and_smoothing():
    task, target = fit(Binary(column="y", positive_weight=3.0, smoothing=0.2), [0, 1, 0, 0])
    p = torch.tensor([0.3, 0.6, 0.2, 0.9])
    y, w = torch.tensor([0.1, 0.9, 0.1, 0.1]), torch.tensor([1.0, 3, 1, 1]) / 1.5
    wanted = -w * (y * p.log() + (1 - y) * (1 - p).log())
    assert torch.allclose(task.errors(p.logit().unsqueeze(1), target.values), wanted)


@pytest.mark.parametrize("weights", ["balanced", {"a": 5.0}])
def test_class_weights_have_a_mean_of_one(weights):
    task, _ = fit(Multiclass(column="y", class_weights=weights), list("aaab"))
    share = torch.tensor(task.frequencies)
    found = task._weights(torch.zeros(1))
    assert (found * share).sum() == pytest.approx(1)
    assert found[0] != found[1]


def test_unseen_classes_are_wrong_and_teach_nothing():
    task, _ = fit(Multiclass(column="y"), list("abab"))
    target = task.pack(Table.of({"y": ["a", "zebra"]})).cells
    output = torch.tensor([[9.0, 0.0], [9.0, 0.0]], requires_grad=True)
    (grad,) = torch.autograd.grad(task.loss(output, target), output)
    assert (grad[1] == 0).all()
    assert task.metrics(output.detach(), target)["accuracy"] == 0.5
    alone = task.pack(Table.of({"y": ["zebra"]})).cells
    assert task.score(output[:1].detach(), alone) == 0
    assert task.metrics(output[:1].detach(), alone)["accuracy"] == 0


def test_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.choice(list("abc"), 60).tolist()
    task, target = fit(Multiclass(column="y"), labels)
    output = torch.randn(60, 3)
    answer, found = task.decode(output), task.metrics(output, target)
    guess = answer["y"].to_pylist()
    shares = np.array([list(c.values()) for c in answer["y_probabilities"].to_pylist()])
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, guess))
    assert found["f1_macro"] == pytest.approx(metrics.f1_score(labels, guess, average="macro"))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, shares, labels=list("abc")))

    labels = rng.integers(0, 2, 60).tolist()
    task, target = fit(Binary(column="y"), labels)
    answer, found = task.decode(output[:, :1]), task.metrics(output[:, :1], target)
    chance, guess = answer["y_probability"].to_pylist(), answer["y"].to_pylist()
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(labels, chance))
    assert found["f1"] == pytest.approx(metrics.f1_score(labels, guess))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, chance))
    ap = metrics.average_precision_score(labels, chance)
    assert found["average_precision"] == pytest.approx(ap)

    prices = np.exp(rng.normal(size=60)).tolist()
    task, target = fit(Regression(column="y", log=True), prices)
    guess = task.decode(output[:, :1])["y"].to_pylist()
    found = task.metrics(output[:, :1], target)
    assert found["r2"] == pytest.approx(metrics.r2_score(prices, guess), rel=1e-4)
    mape = metrics.mean_absolute_percentage_error(prices, guess)
    assert found["mean_absolute_percentage_error"] == pytest.approx(mape, rel=1e-4)


def test_kappa_measures_distance_in_the_whole_order():
    task, _ = fit(Ordinal(column="y"), [1, 2, 3, 4, 5])
    truth = [1, 5, 1, 2]
    target = task.pack(Table.of({"y": truth})).cells
    output = torch.randn(4, 4) * 3
    guess = task.decode(output)["y"].to_pylist()
    wanted = metrics.cohen_kappa_score(truth, guess, labels=[1, 2, 3, 4, 5], weights="quadratic")
    assert task.metrics(output, target)["quadratic_weighted_kappa"] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[0.5, 0.5], [1.5, -0.5]], "Row 1 .* has a negative entry"),
        ([[0.5, 0.5], [0.5, 0.6]], "Row 1 .* adds up to 1.1, not 1"),
        ([[0.5, 0.5], [math.nan, 1.0]], "Row 1 .* is not finite or of another length than 2"),
        ([[0.5, 0.5], [0.5, 0.5], [1.0]], "Row 2 .* of another length"),
        (torch.randn(9, 3).tolist(), "should be probabilities.*rows? .*counted from 0"),
    ],
)
def test_soft_labels_that_are_none_are_refused_by_row(rows, words):
    with pytest.raises(ValueError, match=f"(?is){words}"):
        Multiclass(column="y").fit(Table.of({"y": rows}))


def test_refusals():
    with pytest.raises(ValueError, match="at least two classes"):
        Multiclass(column="y").fit(Table.of({"y": ["a", "a"]}))
    with pytest.raises(ValueError, match="should have two classes to be Binary"):
        Binary(column="y").fit(Table.of({"y": list("abc")}))
    with pytest.raises(ValueError, match="should not be negative for `log=True`"):
        Regression(column="y", log=True).fit(Table.of({"y": [1.0, -1.0]}))
    with pytest.raises(ValueError, match="should be among `order`"):
        Ordinal(column="y", order=("a", "b")).fit(Table.of({"y": list("abc")}))
    with pytest.raises(ValueError, match="Did you mean 'cat'"):
        Multiclass(column="y", class_weights={"cats": 2}).fit(Table.of({"y": ["cat", "dog"]}))
    with pytest.raises(ValueError, match="at least 1 character"):
        MultiLabel(column="y", separator="")


def test_labels_of_nan_and_wide_numbers_keep_their_form():
    nan = pa.table({"y": pa.array([0.0, math.nan, 1.0])})
    task = Multiclass(column="y").fit(Table.of(nan))
    assert task.decode(torch.eye(2))["y"].to_pylist() == [0, 1]
    assert Multiclass(column="y").fit(Table.of({"y": [1e20, 1.0, 1e20]})).classes == ("1", "1e+20")


@pytest.mark.parametrize("labels", [[1e200, -1e200, 3.0], [1e-14, 3e-14, 2e-14], [7.0, 7.0, 7.0]])
def test_regression_at_the_edges(labels):
    task, target = fit(Regression(column="y", log=False), labels)
    assert target.values.isfinite().all()
    assert np.allclose(task.decode(target.values)["y"].to_pylist(), labels, atol=max(labels) * 1e-5)
    assert task.score(target.values, target) == 1
    assert target.values.abs().max() < 2


def test_vector_labels_keep_double_precision_and_one_may_be_wrong():
    rows = [[1.6e9, 0.0], [1.6e9 + 3, 1.0], [1.6e9 + 6, 2.0], [1.0]]
    task, target = fit(Regression(column="y"), rows)
    assert target.mask.tolist() == [True, True, True, False]
    assert np.allclose(task.decode(target.values[:3])["y"].to_pylist(), rows[:3], atol=1e-2, rtol=0)


def test_weight_scales_nothing_but_is_kept_and_refused_below_zero():
    assert Binary(weight=2.0).weight == 2
    with pytest.raises(ValueError, match="greater than 0"):
        Binary(weight=0)


def test_one_multilabel_class():
    task, target = fit(MultiLabel(column="y"), [["a"], [], ["a"]])
    found = task.metrics(torch.tensor([[3.0], [1.0], [2.0]]), target)
    assert found["f1_macro"] == pytest.approx(0.8)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert Masked(target.values, target.mask).present.all()


def test_labels_that_are_next_to_nothing_are_learned_as_nothing():
    table = Table.of({"y": [[5e-324, 1.0], [0.0, 2.0], [5e-324, 4.0]]})
    task = Regression(column="y").fit(table)
    assert torch.isfinite(task.pack(table).cells.values).all()
