"""GradVac against the loop of the paper."""

import pytest
import torch

from plait.balancing import GradVac, PCGrad
from plait.balancing._orders import orders

from .gradients import DECADES, balancer, close, gradients, mixed, step


def written_out(rows, order, targets, beta):
    total = torch.zeros_like(rows[0])
    for place, others in enumerate(order.tolist()):
        own = rows[place]
        for other in others:
            length = rows[other].norm()
            cosine = own @ rows[other] / own.norm() / length
            target = targets[place, other]
            if cosine < target:
                top = target * (1 - cosine**2).sqrt() - cosine * (1 - target**2).sqrt()
                own = own + own.norm() * top / length / (1 - target**2).sqrt() * rows[other]
            targets[place, other] = (1 - beta) * target + beta * cosine
        total = total + own
    return total


@pytest.mark.parametrize("tasks", [1, 2, 3, 6])
def test_as_written_in_the_paper(tasks):
    rule = balancer(GradVac, tasks, beta=0.5, seed=2)
    targets = torch.zeros(tasks, tasks, dtype=torch.float64)
    for turn in range(3):
        rows = gradients(tasks, 9, DECADES, turn)
        expected = written_out(rows, orders(2, turn, tasks), targets, 0.5)
        assert close(rule.weights(step(rows)) @ rows, expected)
        torch.testing.assert_close(rule.targets, targets, rtol=1e-9, atol=1e-12)
        rule.steps += 1


def test_targets_of_zero_are_pcgrad():
    rows = gradients(5, 9, DECADES, 1)
    assert close(mixed(GradVac, rows, beta=0.0), mixed(PCGrad, rows), 1e-12)


def test_a_target_is_reached():
    rows = gradients(2, 9, 3.0, 1)
    rule = balancer(GradVac, 2)
    rule.targets[0, 1] = 0.7
    rule.targets[1, 0] = -1.0
    became = rule.weights(step(rows)) @ rows - rows[1]  # only the first one is changed
    assert float(torch.cosine_similarity(became, rows[1], 0)) == pytest.approx(0.7, abs=1e-9)


def test_equal_gradients_stay_finite_as_targets_near_one():
    rows = torch.ones(3, 4, dtype=torch.float64)
    rule = balancer(GradVac, 3, beta=0.9)
    for _ in range(30):
        found = rule.weights(step(rows))
        rule.steps += 1
    assert close(found @ rows, 3 * rows[0])
    assert float(rule.targets[0, 1]) == pytest.approx(1)


def test_an_absent_task_keeps_its_targets():
    rule = balancer(GradVac, 3, beta=0.5)
    rule.weights(step(gradients(3, 5, 0.0, 0)))
    before = rule.targets.clone()
    rule.weights(step(gradients(2, 5, 0.0, 1), index=[0, 2]))
    assert torch.equal(rule.targets[1], before[1])
    assert torch.equal(rule.targets[:, 1], before[:, 1])
    assert not torch.equal(rule.targets[0, 2], before[0, 2])
