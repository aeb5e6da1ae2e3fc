"""What every balancer promises, over everything the wing exports."""

import copy
import math

import pytest
import torch

import plait
from plait import balancing
from plait._catalogue import catalogue, find
from plait.balancing import Balancer, Sum, backward

from .kit import TASKS, Case

KINDS = catalogue(balancing, Balancer)
each = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
weighing = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if kind(TASKS).needs != "jacobian"]
)


class Run:
    """A net, a balancer and Adam over both, step by step."""

    def __init__(self, kind, tasks=TASKS, dtype=torch.float32):
        self.case = Case(dtype)
        self.net, self.rule, self.tasks = self.case.net(), kind(tasks), tasks
        everything = [*self.net.parameters(), *self.rule.parameters()]
        self.optimizer = torch.optim.Adam(everything, lr=1e-2)

    def step(self, number, tasks=None, **options):
        rows = slice(4 * (number % 4), 4 * (number % 4) + 4)
        losses, _ = self.case.losses(self.net, rows)
        given = {name: losses[name] for name in tasks or self.tasks}
        self.optimizer.zero_grad()
        weights = backward(given, self.rule, **options)
        self.optimizer.step()
        if number % 3 == 2:
            self.rule.end_epoch()
        return weights

    def state(self):
        parts = (self.net, self.rule, self.optimizer)
        return [copy.deepcopy(part.state_dict()) for part in parts]

    def load(self, state):
        for part, kept in zip((self.net, self.rule, self.optimizer), state, strict=True):
            part.load_state_dict(kept)

    def numbers(self):
        return torch.cat([w.detach().flatten().double() for w in self.net.parameters()])


@each
def test_accumulates_like_backward(kind):
    w = torch.ones(2, requires_grad=True)
    w.grad = torch.tensor([5.0, 5.0])
    weights = kind(["a"]).backward({"a": (w * torch.tensor([1.0, 2.0])).sum()})
    share = float(weights["a"])
    assert share > 0
    assert w.grad.tolist() == pytest.approx([5 + share, 5 + 2 * share], rel=1e-6)


@each
def test_absent_tasks_pull_at_nothing_and_wrong_ones_are_named(kind):
    w = torch.tensor(1.0, requires_grad=True)
    balancer = kind(["click", "price"])
    assert set(balancer.backward({"price": 2 * w})) == {"price"}
    assert w.grad != 0
    assert balancer.backward({}) == {}
    with pytest.raises(ValueError, match="Did you mean 'click'"):
        balancer.backward({"clic": w})


@each
def test_it_trains(kind):
    run = Run(kind)
    before, first = run.numbers(), run.case.losses(run.net)[0]
    for number in range(40):
        weights = run.step(number)
        assert set(weights) == set(TASKS)
        assert all(weight.isfinite() and not weight.requires_grad for weight in weights.values())
    last = run.case.losses(run.net)[0]
    assert run.numbers().isfinite().all()
    assert not torch.equal(before, run.numbers())
    share = torch.stack([last[name] / first[name] for name in TASKS]).detach()
    assert share.mean() < 1  # better than at first


@each
def test_a_run_that_goes_on_is_the_same_run(kind):
    one = Run(kind)
    for number in range(5):
        one.step(number, TASKS[:2] if number == 1 else None)
    kept = one.state()
    assert all(isinstance(value, torch.Tensor) for value in kept[1].values())
    other = Run(kind)
    other.load(kept)
    for number in range(5, 11):
        here, there = one.step(number), other.step(number)
        assert all(torch.equal(here[name], there[name]) for name in TASKS)
    assert torch.equal(one.numbers(), other.numbers())


@each
def test_absent_tasks_leave_the_problem_of_the_others(kind):
    """With a task that never has a label, all goes as if it did not exist."""
    few, many = Run(kind, TASKS[:2]), Run(kind)
    for number in range(6):
        here, there = few.step(number), many.step(number, TASKS[:2])
        for name in TASKS[:2]:
            assert float(here[name]) == pytest.approx(float(there[name]), rel=1e-9, abs=1e-12)
    assert torch.allclose(few.numbers(), many.numbers(), rtol=1e-6, atol=1e-9)


@each
def test_a_loss_that_is_not_finite_poisons_nothing(kind):
    run = Run(kind)
    for number in range(3):
        run.step(number)
    losses, _ = run.case.losses(run.net)
    losses["b"] = losses["b"] * math.nan
    run.optimizer.zero_grad()
    weights = backward(losses, run.rule)
    assert weights["b"] == 0
    assert run.rule.skipped.tolist() == [0, 1, 0]
    grads = [w.grad for w in run.net.parameters() if w.grad is not None]
    assert all(grad.isfinite().all() for grad in grads)
    for number in range(3, 6):
        assert all(weight.isfinite() for weight in run.step(number).values())


@weighing
def test_weights_may_be_held(kind):
    run = Run(kind)
    found = [run.step(number, every=3) for number in range(4)]
    held = [[float(weights[name]) for name in TASKS] for weights in found]
    assert held[0] == held[1] == held[2]


@each
def test_a_copy_goes_its_own_way(kind):
    one = Run(kind)
    one.step(0)
    other = copy.deepcopy(one.rule)
    kept = copy.deepcopy(other.state_dict())
    for number in range(1, 5):
        one.step(number)
    for name, value in other.state_dict().items():
        assert torch.allclose(value, kept[name], rtol=0, atol=0, equal_nan=True)


@each
def test_the_global_generator_is_left_alone(kind):
    run = Run(kind)
    before = torch.random.get_rng_state()
    for number in range(3):
        run.step(number)
    assert torch.equal(before, torch.random.get_rng_state())


@each
def test_parts_of_a_step(kind):
    """Through the trainer's step, in parts: the gradients of the whole."""
    rule = kind(TASKS)
    whole, parts = Run(kind), Run(kind)
    if rule.needs == "losses":
        totals, _ = parts.case.losses(parts.net)
        options = {"totals": totals}
    else:
        options = {"exact": True}
    wanted = backward(whole.case.losses(whole.net)[0], whole.rule)
    for part in range(2):
        losses, _ = parts.case.losses(parts.net, slice(8 * part, 8 * part + 8))
        weights = backward(losses, parts.rule, micro=(part, 2), **options)
    for name in TASKS:
        assert float(weights[name]) == pytest.approx(float(wanted[name]), rel=1e-3, abs=1e-6)
    if rule.needs == "jacobian":
        return  # signs of numbers near zero
    for mine, theirs in zip(parts.net.parameters(), whole.net.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, rtol=1e-3, atol=1e-5)


TABLE = {
    "size": [float(40 + n % 80) for n in range(60)],
    "price": [100.0 + 3 * (n % 80) for n in range(60)],
    "sold": [None if n % 7 == 0 else n % 3 == 0 for n in range(60)],
}


@each
def test_a_learner_takes_it_by_name(kind):
    assert find(balancing, Balancer, kind.__name__.upper()) is kind
    training = plait.Training(epochs=2, batch_size=16, guard="off", accumulate=2)
    learner = plait.Learner(
        ["price", "sold"], balancing=kind.__name__, training=training, width=8, cache=False
    ).fit(TABLE)
    last = learner.history.epochs[-1]
    assert all(math.isfinite(value) for value in last.weights.values())
    looks = kind(TASKS).needs != "losses"
    # `Every` looks in the first of these steps alone, and in no part of the others.
    seen = [epoch.conflicts for epoch in learner.history.epochs if epoch.conflicts is not None]
    assert bool(seen) == (looks or kind.__name__ == "Auto")
    assert all(0 <= each <= 1 for each in seen)
    assert learner.config["balancing"] == kind.__name__


def test_sum_weights():
    w = torch.tensor(1.0, requires_grad=True)
    Sum(["a", "b"], weights={"b": 0.5}).backward({"a": 2 * w, "b": 4 * w})
    assert w.grad == 4
    with pytest.raises(ValueError, match=r"`weights` of Sum should name .*Did you mean 'price'"):
        Sum(["price"], weights={"prise": 2.0})
