"""ConFIG against its definition."""

import pytest
import torch

from plait.balancing import ConFIG

from .gradients import DECADES, close, gradients, mixed


@pytest.mark.parametrize("tasks", [1, 2, 3, 8, 16])
def test_as_written_in_the_paper(tasks):
    for seed in range(5):
        rows = gradients(tasks, 40, DECADES, seed)
        units = rows / rows.norm(dim=1, keepdim=True)
        way = torch.linalg.pinv(units).sum(1)
        way = way / way.norm()
        assert close(mixed(ConFIG, rows), (rows @ way).sum() * way)


def test_more_tasks_than_numbers():
    rows = gradients(6, 4, DECADES, 0)
    units = rows / rows.norm(dim=1, keepdim=True)
    way = torch.linalg.pinv(units).sum(1)
    way = way / way.norm()
    assert close(mixed(ConFIG, rows), (rows @ way).sum() * way, 1e-7)


def test_two_tasks_by_hand():
    rows = torch.tensor([[3.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert close(mixed(ConFIG, rows), torch.tensor([2.0, 2.0], dtype=torch.float64))
