"""What every balancer promises, over everything the wing exports."""

import pytest
import torch

from plait import balancing
from plait._catalogue import catalogue
from plait.balancing import Balancer, Sum

each = pytest.mark.parametrize("kind", catalogue(balancing, Balancer).values())


@each
def test_accumulates_like_backward(kind):
    w = torch.ones(2, requires_grad=True)
    w.grad = torch.tensor([5.0, 5.0])
    kind(["a"]).backward({"a": (w * torch.tensor([1.0, 2.0])).sum()})
    assert w.grad.tolist() == [6.0, 7.0]


@each
def test_absent_tasks_pull_at_nothing_and_wrong_ones_are_named(kind):
    w = torch.tensor(1.0, requires_grad=True)
    balancer = kind(["click", "price"])
    assert set(balancer.backward({"price": 2 * w})) == {"price"}
    assert w.grad != 0
    assert balancer.backward({}) == {}
    with pytest.raises(ValueError, match="Did you mean 'click'"):
        balancer.backward({"clic": w})


def test_sum_weights():
    w = torch.tensor(1.0, requires_grad=True)
    Sum(["a", "b"], weights={"b": 0.5}).backward({"a": 2 * w, "b": 4 * w})
    assert w.grad == 4
    with pytest.raises(
        ValueError, match=r"`weights` of Sum should name the tasks .*Did you mean 'price'"
    ):
        Sum(["price"], weights={"prise": 2.0})
