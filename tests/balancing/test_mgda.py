"""MGDA against the shortest mean by hand."""

import pytest
import torch

from plait.balancing import MGDA

from .gradients import DECADES, balancer, close, gradients, mixed, shortest, step


@pytest.mark.parametrize("tasks", [2, 3, 5])
@pytest.mark.parametrize("decades", [0.0, 1.0, DECADES])
def test_is_the_shortest_mean(tasks, decades):
    for seed in range(4):
        rows = gradients(tasks, 9, decades, seed)
        assert close(mixed(MGDA, rows), shortest(rows))


def test_all_that_take_part_gain_alike_and_others_more():
    rows = gradients(12, 20, 1.0, 0)
    weights = balancer(MGDA, 12).weights(step(rows))
    point = weights @ rows
    gains = rows @ point / point.square().sum()
    assert float(weights.sum()) == pytest.approx(1, abs=1e-12)
    assert float(gains.min()) >= 1 - 1e-9
    assert float((gains[weights > 1e-9] - 1).abs().max()) <= 1e-9
    assert bool((weights >= 0).all())


def test_two_tasks_by_hand():
    rows = torch.tensor([[3.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    found = balancer(MGDA, 2).weights(step(rows))
    torch.testing.assert_close(found, torch.tensor([0.1, 0.9], dtype=torch.float64))


def test_zero_in_the_hull_is_found_whatever_the_lengths():
    for seed in range(20):
        rows = gradients(5, 9, 0.0, seed)
        rows[0] = -(rows[1:] * torch.rand(4, 1, dtype=torch.float64)).sum(0)
        rows = rows * gradients(5, 9, DECADES, seed + 1).norm(dim=1)[:, None]
        assert mixed(MGDA, rows).norm() <= 1e-9 * rows.norm(dim=1).max()


def test_a_gradient_of_zero_ends_it():
    rows = torch.tensor([[3.0, 0.0], [0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    assert balancer(MGDA, 3).weights(step(rows)).tolist() == [0, 1, 0]
