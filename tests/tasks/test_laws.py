"""What every task type promises, over everything the wing exports."""

import copy
import math

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import TypeAdapter

from plait import tasks
from plait._catalogue import catalogue
from plait.data import Masked, Table
from plait.tasks import Binary, Multiclass, MultiLabel, Ordinal, Regression, Task

SOFT = [[0.5, 0.5, 0.0], [0.1, 0.2, 0.7], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]]

# A new member is met by its export: the first test fails until its examples stand here.
EXAMPLES = {
    "Binary": [
        (Binary(column="y"), ["no", "yes", "yes", "no", "yes"]),
        (Binary(column="y"), [0, 1, 1, 0, 1]),
        (Binary(column="y"), [True, False, True, True]),
        (Binary(column="y"), [0.5, 1.5, 1.5]),
        (Binary(column="y", positive_weight=3.0, smoothing=0.2), ["a", "b", "a", "a"]),
    ],
    "Multiclass": [
        (Multiclass(column="y"), ["a", "b", "c", "b"]),
        (Multiclass(column="y"), [10, 9, 2, 9]),
        (Multiclass(column="y"), [1.5, 10.5, 9.5, 9.5]),
        (Multiclass(column="y", class_weights="balanced", smoothing=0.1), ["a", "b", "c", "b"]),
        (Multiclass(column="y", class_weights={9: 4.0}), [10, 9, 2, 9]),
        (Multiclass(column="y"), SOFT),
        (Multiclass(column="y", names=("x", "y", "z"), smoothing=0.1), SOFT),
    ],
    "MultiLabel": [
        (MultiLabel(column="y"), ["a,b", "b", "c,a", "b,b"]),
        (MultiLabel(column="y"), [["a"], [], ["b", "a"]]),
        (MultiLabel(column="y"), [[1, 10], [2], [10]]),
    ],
    "Ordinal": [
        (Ordinal(column="y"), [1, 3, 2, 3]),
        (Ordinal(column="y", order=("low", "mid", "high")), ["mid", "low", "high", "high"]),
        (Ordinal(column="y", order=(3, 2, 1)), [1, 3, 2, 3]),
    ],
    "Regression": [
        (Regression(column="y", log=False), [1.0, 2.0, 4.0, 11.0]),
        (Regression(column="y", log=True), [0.0, 2.0, 4.0, 11.0]),
        (Regression(column="y", error="absolute", log=False), [1.0, 2.0, 4.0, 5.0, 90.0]),
        (Regression(column="y", error="huber", delta=0.5, log=False), [1.0, 2.0, 4.0, 90.0]),
        (Regression(column="y"), [[1.0, -2.0], [3.0, 5.0], [0.0, 10.0]]),
    ],
}
CASES = [
    pytest.param(*case, id=f"{name}-{i}")
    for name, cases in EXAMPLES.items()
    for i, case in enumerate(cases)
]
each = pytest.mark.parametrize(("task", "labels"), CASES)


def fitted(task: Task, labels: list) -> tuple[Task, Table, Masked]:
    table = Table.of({"y": labels})
    known = task.fit(table)
    return known, table, known.pack(table).cells


def perfect(task: Task, target: Masked) -> torch.Tensor:
    """The output that says just what the labels say."""
    values = target.values
    match task:
        case Regression():
            return values.clone()
        case Multiclass() if values.ndim == 2:
            return values.clamp(min=1e-12).log()
        case Multiclass():
            return torch.nn.functional.one_hot(values, task.outputs) * 40.0
        case Ordinal():
            return (values.unsqueeze(1) > torch.arange(task.outputs)).float() * 80 - 40
    return values * 80 - 40


def test_every_export_has_examples():
    assert set(catalogue(tasks, Task)) == set(EXAMPLES)


@each
def test_fit_leaves_the_original_as_it_was(task, labels):
    before = copy.deepcopy(task)
    known, _, _ = fitted(task, labels)
    assert task == before
    assert known != before


@each
def test_equal_after_json(task, labels):
    for one in (task, fitted(task, labels)[0]):
        adapter = TypeAdapter(type(one))
        assert adapter.validate_json(adapter.dump_json(one)) == one


@each
@pytest.mark.parametrize("hole", [None, math.nan, pd.NA, pd.NaT, ""], ids=repr)
def test_a_missing_label_is_masked_whatever_the_hole(task, labels, hole):
    text = isinstance(labels[0], str)
    if isinstance(hole, str) and not text:
        pytest.skip("an empty text in a column of something else is another type")
    known, _, _ = fitted(task, labels)
    packed = known.pack(Table.of({"y": [*labels, hole]}))
    assert packed.cells.mask.tolist() == [True] * len(labels) + [False]
    assert [note.count for note in packed.notes] == [1]


@each
def test_all_labels_empty(task, labels):
    known, _, _ = fitted(task, labels)
    for empty in ([None, None], ["", ""]):
        target = known.pack(Table.of({"y": empty})).cells
        assert not target.mask.any()
        output = known.start().repeat(2, 1).requires_grad_()
        loss = known.loss(output, target)
        loss.backward()
        assert loss == 0
        assert (output.grad == 0).all()
        assert known.score(output.detach(), target) == 0
    with pytest.raises(ValueError, match="should have labels"):
        task.fit(Table.of({"y": [None, None]}))


@each
@pytest.mark.parametrize("junk", [math.nan, 1e30, math.inf])
def test_what_is_masked_has_no_say(task, labels, junk):
    known, _, target = fitted(task, labels)
    mask = target.mask.clone()
    mask[1] = False
    output = torch.randn(len(labels), known.outputs, requires_grad=True)
    whole = torch.autograd.grad(known.loss(output, Masked(target.values, mask)), output)[0]
    values = target.values.clone()
    values[1] = junk if values.is_floating_point() else 10**9
    loss = known.loss(output, Masked(values, mask))
    (grad,) = torch.autograd.grad(loss, output)
    assert torch.equal(grad, whole)
    assert (grad[1] == 0).all()
    assert (grad[0] != 0).any()
    keep = mask.nonzero()[:, 0]
    errors = known.errors(output[keep], target.values[keep])
    assert torch.allclose(loss, errors.mean())


@each
def test_loss_over_two_halves_adds_up(task, labels):
    known, _, target = fitted(task, labels)
    output = torch.randn(len(labels), known.outputs)
    count = int(target.mask.sum())
    rows = torch.arange(len(labels))
    halves = [known.loss(output[r], target.take(r), count) for r in (rows[:1], rows[1:])]
    assert torch.allclose(sum(halves), known.loss(output, target))


@each
def test_start_is_the_best_constant(task, labels):
    known, _, target = fitted(task, labels)
    if target.values.is_floating_point():
        target = Masked(target.values.double(), target.mask)
    start = known.start().double()
    best = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([best], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = known.loss(best.expand(len(labels), -1), target)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert known.loss(start.expand(len(labels), -1), target) <= closure() + 1e-5


@each
def test_perfect_outputs_decode_to_the_labels_and_score_one(task, labels):
    known, _, target = fitted(task, labels)
    output = perfect(known, target)
    answer = known.decode(output)["y"].to_pylist()
    if isinstance(known, MultiLabel):
        cells = [x.split(",") if isinstance(x, str) else x for x in labels]
        assert [sorted(a) for a in answer] == [sorted(set(c)) for c in cells]
    elif labels is SOFT:
        places = [known.classes[int(np.argmax(row))] for row in SOFT]
        assert [str(a) for a in answer] == places
    elif isinstance(known, Regression):
        assert np.allclose(answer, labels, rtol=1e-5, atol=1e-5)
        assert known.score(output, target) == pytest.approx(1, abs=1e-5)
        return
    else:
        assert answer == labels
        assert [type(a) for a in answer] == [type(x) for x in labels]
    if labels is not SOFT and not getattr(known, "smoothing", 0):
        assert known.score(output, target) == pytest.approx(1, abs=1e-5)


@each
def test_start_scores_nothing(task, labels):
    known, _, target = fitted(task, labels)
    assert known.score(known.start().expand(len(labels), -1), target) == pytest.approx(0, abs=1e-4)


@each
def test_head_and_single_row(task, labels):
    known, _, target = fitted(task, labels)
    output = known.head(7)(torch.zeros(1, 7))
    assert output.shape == (1, known.outputs)
    assert torch.allclose(output[0], known.start())
    row = target.take(torch.tensor([0]))
    assert known.loss(output, row).isfinite()
    assert math.isfinite(known.score(output.detach(), row))
    assert known.metrics(output.detach(), row)
    assert {len(cells) for cells in known.decode(output.detach()).values()} == {1}


@each
def test_probabilities_add_up(task, labels):
    known, _, _ = fitted(task, labels)
    answer = known.decode(torch.randn(6, known.outputs))
    for name, cells in answer.items():
        if name.endswith("_probabilities"):
            rows = np.array([list(cell.values()) for cell in cells.to_pylist()])
            assert ((rows >= 0) & (rows <= 1)).all()
            if not isinstance(known, MultiLabel):
                assert np.allclose(rows.sum(1), 1)


@each
def test_unfitted_says_so(task, labels):
    with pytest.raises(RuntimeError, match="has not seen a table yet"):
        task.pack(Table.of({"y": labels}))
