from copy import deepcopy

import pytest
import torch

from plait._errors import ConfigError
from plait.balancing import (
    DWA,
    Balancer,
    Every,
    Freeze,
    Log,
    Normalize,
    Prefer,
    Smooth,
    UPGrad,
)

TASKS = ["a", "b"]
each = pytest.mark.parametrize("kind", [Every, Freeze, Normalize, Prefer, Smooth])


class Turned(Balancer):
    """A method that changes the gradient itself: that of the sum, turned around."""

    needs = "jacobian"
    at = "shared"

    def weights(self, step):
        return torch.ones_like(step.losses)

    def direction(self, step):
        return -step.rows.sum(0)


def losses(w):
    return {"a": 3 * w[0], "b": w[1] - w[0] + 2}


@each
def test_it_looks_at_what_the_method_inside_looks_at(kind):
    plain = kind(TASKS, of="Log")
    assert (plain.needs, plain.at) == ("losses", "losses")
    there = kind(TASKS, of={"name": "UPGrad", "at": "features"})
    assert (there.needs, there.at) == ("gramian", "features")
    assert (Balancer.needs, kind.needs) == ("losses", "losses")


@each
def test_steps_and_epochs_reach_the_method_inside(kind):
    balancer = kind(TASKS, of={"name": "Smooth", "of": "DWA"})
    w = torch.ones(2, requires_grad=True)
    for place in range(3):
        balancer.backward(losses(w))
        balancer.end_epoch()
        assert balancer.inner.inner.steps == balancer.inner.steps == balancer.steps == place + 1
    inside = balancer.inner.inner
    assert isinstance(inside, DWA)
    assert inside.epochs.tolist() == ([1, 1] if kind is Every else [3, 3])
    assert inside.known == {0, 1}
    assert (inside.held > 0).all()


@each
def test_what_the_method_inside_remembers_is_saved_with_it(kind):
    balancer = kind(TASKS, of={"name": "RandomLoss", "seed": 4})
    w = torch.ones(2, requires_grad=True)
    for _ in range(3):
        balancer.backward(losses(w))
    resumed = kind(TASKS, of={"name": "RandomLoss", "seed": 4})
    resumed.load_state_dict(balancer.state_dict())
    copied = deepcopy(balancer)
    assert resumed.inner.steps == copied.inner.steps == 3
    for _ in range(9):
        told = balancer.backward(losses(w))
        assert resumed.backward(losses(w)) == told == copied.backward(losses(w))


@each
def test_what_the_method_inside_learns_is_learned(kind):
    balancer = kind(TASKS, of="Uncertainty")
    balancer.backward(losses(torch.ones(2, requires_grad=True)))
    grads = [parameter.grad for parameter in balancer.parameters()]
    assert len(grads) == 2
    assert all(grad != 0 for grad in grads)


@pytest.mark.parametrize("kind", [Every, Freeze, Smooth])
def test_weights_that_are_not_there_cannot_be_kept(kind):
    with pytest.raises(ValueError, match=rf"`of` of {kind.__name__} should be a method that finds"):
        kind(TASKS, of=Turned)


def test_a_gradient_that_is_changed_may_be_of_changed_losses():
    w = torch.ones(2, requires_grad=True)
    Prefer(TASKS, weights={"a": 2.0}, of=Turned).backward(losses(w) | {"b": w[0] + w[1]})
    assert w.grad.tolist() == [-7, -1]
    w.grad = None
    Normalize(TASKS, by="initial", of=Turned).backward({"a": 3 * w[0], "b": w[0] + w[1]})
    assert w.grad.tolist() == pytest.approx([-1.5, -0.5], rel=1e-6)


@each
def test_around_upgrad_through_both_places(kind):
    for at in ("shared", "features"):
        trunk = torch.nn.Linear(3, 4)
        heads = [torch.nn.Linear(4, 1) for _ in TASKS]
        hidden = trunk(torch.randn(6, 3)).tanh()
        told = {
            task: (head(hidden) - place).square().mean()
            for place, (task, head) in enumerate(zip(TASKS, heads, strict=True))
        }
        weights = kind(TASKS, of={"name": "UPGrad", "at": at}).backward(told)
        assert all(float(each) > 0 for each in weights.values())
        assert all(leaf.grad is not None for leaf in trunk.parameters())


def test_upgrad_alone_is_what_it_is_inside():
    for kind in (Every, Smooth):
        one, two = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        kind(TASKS, of="UPGrad").backward(losses(one))
        UPGrad(TASKS).backward(losses(two))
        assert torch.equal(one.grad, two.grad)


@each
def test_what_decides_by_itself_is_refused(kind):
    with pytest.raises(ConfigError, match=r"`of` of \w+ should .*Auto decides by itself"):
        kind(TASKS, of="Auto")


def test_a_method_inside_is_told_of_the_end_of_a_step():
    class Counting(Log):
        ends = 0

        def end_step(self):
            super().end_step()
            self.ends += 1

    w = torch.tensor(1.0, requires_grad=True)
    balancer = Smooth(["a"], of=Counting)
    for _ in range(3):
        balancer.backward({"a": 2 * w})
    assert (balancer.inner.ends, balancer.inner.steps, balancer.steps) == (3, 3, 3)
