"""UPGrad against projections by hand."""

import pytest
import torch

from plait.balancing import UPGrad

from .gradients import DECADES, close, gradients, mixed, projected, weighed


@pytest.mark.parametrize("tasks", [2, 3, 5])
def test_is_the_mean_of_projections(tasks):
    for seed in range(4):
        rows = gradients(tasks, 9, DECADES, seed)
        expected = torch.stack([projected(rows, row) for row in rows]).mean(0)
        assert close(mixed(UPGrad, rows), expected)


def test_preference_is_the_share_of_each():
    rows = gradients(3, 9, 2.0, 0)
    expected = (3 * projected(rows, rows[0]) + projected(rows, rows[1])) / 4
    assert close(mixed(UPGrad, rows, preference={"0": 3.0, "2": 0.0}), expected)


def test_two_tasks_by_hand():
    rows = torch.tensor([[3.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
    # (3, 0) without its part against (-1, 1), and the other way round.
    assert close(mixed(UPGrad, rows), torch.tensor([0.75, 1.25], dtype=torch.float64))


def test_is_linear_in_the_length_of_each():
    rows = gradients(4, 6, 0.0, 1)
    lengths = torch.tensor([1e-6, 1.0, 1e3, 1e6], dtype=torch.float64)
    each = [torch.where(torch.arange(4) == place, lengths, 1e-12) for place in range(4)]
    apart = torch.stack([mixed(UPGrad, rows * some[:, None]) for some in each]).sum(0)
    assert close(mixed(UPGrad, rows * lengths[:, None]), apart, 1e-6)


def test_without_a_conflict_it_is_the_mean():
    rows = gradients(4, 6, DECADES, 2).abs()
    assert close(weighed(UPGrad, rows), rows.norm(dim=1) / 4, 1e-12)
