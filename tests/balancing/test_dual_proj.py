"""DualProj against a projection by hand."""

import pytest
import torch

from plait.balancing import DualProj

from .gradients import DECADES, balancer, close, gradients, mixed, projected, step


@pytest.mark.parametrize("tasks", [2, 3, 5])
def test_is_the_projection_of_the_mean(tasks):
    for seed in range(6):
        rows = gradients(tasks, 9, DECADES, seed)
        assert close(mixed(DualProj, rows), projected(rows, rows.mean(0)))


def test_optimality():
    rows = gradients(8, 12, 2.0, 0)
    weights = balancer(DualProj, 8).weights(step(rows))
    extra, gains = weights - 1 / 8, rows @ (weights @ rows)
    size = float((weights * rows.norm(dim=1)).abs().max() * rows.norm(dim=1).max())
    assert float(extra.min()) >= -1e-12
    assert float(gains.min()) >= -1e-9 * size
    assert float((extra * gains).abs().max()) <= 1e-9 * size


def test_two_tasks_by_hand():
    rows = torch.tensor([[3.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
    assert close(mixed(DualProj, rows), torch.tensor([0.75, 0.75], dtype=torch.float64))


def test_preference():
    rows = gradients(3, 9, 0.0, 3)
    wanted = (rows[0] + 2 * rows[1]) / 3
    found = mixed(DualProj, rows, preference={"1": 2.0, "2": 0.0})
    assert close(found, projected(rows, wanted))
