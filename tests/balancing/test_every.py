import pytest
import torch

from plait.balancing import Every


class Counted(torch.autograd.Function):
    """Counts how often the trunk is gone through backward."""

    count = 0

    @staticmethod
    def forward(ctx, given):
        return given.clone()

    @staticmethod
    def backward(ctx, grad):
        Counted.count += 1
        return grad


def losses(w, names="ab"):
    hidden = Counted.apply(w)
    every = {"a": 3 * hidden[0], "b": hidden[1] - hidden[0], "c": hidden[1] * 2}
    return {name: every[name] for name in names}


def passes(balancer, w, names="ab"):
    Counted.count = 0
    balancer.backward(losses(w, names))
    return Counted.count


def test_steps_in_between_cost_one_pass():
    w = torch.ones(2, requires_grad=True)
    balancer = Every(["a", "b"], steps=3)
    assert [passes(balancer, w) for _ in range(7)] == [2, 1, 1, 2, 1, 1, 2]


def test_weights_are_held_in_between():
    w = torch.ones(2, requires_grad=True)
    balancer = Every(["a", "b"], steps=3, of="RandomLoss")
    told = [float(balancer.backward(losses(w))["a"]) for _ in range(7)]
    assert told[0] == told[1] == told[2] != told[3] == told[4] == told[5] != told[6]


def test_a_new_task_is_weighed_at_once():
    w = torch.ones(2, requires_grad=True)
    balancer = Every(["a", "b", "c"], steps=10)
    assert passes(balancer, w) == 2
    assert passes(balancer, w, "abc") == 3
    assert passes(balancer, w, "abc") == 1


def test_frozen_weights_of_an_absent_task_are_taken_over():
    w = torch.ones(2, requires_grad=True)
    balancer = Every(["a", "b", "c"], steps=1, of={"name": "Freeze", "after": 2, "of": "Log"})
    for names in ("abc", "ab", "abc"):
        values = {"a": w[0] * 2, "b": w[0] * 4, "c": w[1] * 8}
        told = balancer.backward({name: values[name] for name in names})
    assert not balancer.due()
    assert [float(told[name]) for name in "abc"] == balancer.inner.held.tolist()


@pytest.mark.parametrize("steps", [0, -3])
def test_it_is_one_step_or_more(steps):
    with pytest.raises(ValueError, match="`steps` of Every should be a whole number, 1 or more"):
        Every(["a"], steps=steps)
