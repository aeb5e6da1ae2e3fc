"""PCGrad against the loop of the paper."""

import pytest
import torch

from plait.balancing import PCGrad, UPGrad
from plait.balancing._orders import orders

from .gradients import DECADES, balancer, close, gradients, mixed, step


def written_out(rows, order):
    total = torch.zeros_like(rows[0])
    for own, others in zip(rows, order.tolist(), strict=True):
        for other in others:
            inner = own @ rows[other]
            if inner < 0:
                own = own - inner / rows[other].square().sum() * rows[other]
        total = total + own
    return total


@pytest.mark.parametrize("tasks", [1, 2, 3, 8])
@pytest.mark.parametrize("seed", [0, 7])
def test_as_written_in_the_paper(tasks, seed):
    rows = gradients(tasks, 9, DECADES, seed)
    rule = balancer(PCGrad, tasks, seed=seed)
    rule.steps = 3
    expected = written_out(rows, orders(seed, 3, tasks))
    assert close(rule.weights(step(rows)) @ rows, expected)


def test_two_tasks_are_twice_upgrad_whatever_the_seed():
    rows = gradients(2, 3, DECADES, 5)
    for seed in range(3):
        assert close(mixed(PCGrad, rows, seed=seed), 2 * mixed(UPGrad, rows), 1e-12)


def test_orders_change_with_step_and_seed_and_not_with_the_global_generator():
    first = orders(0, 0, 6)
    torch.manual_seed(1)
    assert torch.equal(first, orders(0, 0, 6))
    assert not torch.equal(first, orders(0, 1, 6))
    assert not torch.equal(first, orders(1, 0, 6))
    for own, others in enumerate(first.tolist()):
        assert sorted([own, *others]) == list(range(6))


def test_a_seed_is_a_whole_number():
    with pytest.raises(ValueError, match="`seed` of PCGrad should be a whole number, 0 or more"):
        PCGrad(["a"], seed=-1)
