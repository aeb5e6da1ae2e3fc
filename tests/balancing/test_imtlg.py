"""IMTLG against its definition."""

import pytest
import torch

from plait.balancing import IMTLG

from .gradients import DECADES, balancer, close, gradients, mixed, step


def written_out(rows):
    """The paper's closed form, from the gradients themselves."""
    units = rows / rows.norm(dim=1, keepdim=True)
    apart, turned = rows[0] - rows[1:], units[0] - units[1:]
    others = torch.linalg.solve((apart @ turned.T).T, turned @ rows[0])
    return torch.cat([1 - others.sum()[None], others])


@pytest.mark.parametrize("tasks", [2, 3, 6])
def test_as_written_in_the_paper(tasks):
    for seed in range(5):
        rows = gradients(tasks, 30, 1.0, seed)
        expected = written_out(rows)
        found = balancer(IMTLG, tasks).weights(step(rows))
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("tasks", [2, 3, 8, 16])
def test_equal_projections_and_weights_that_sum_to_one(tasks):
    for seed in range(5):
        rows = gradients(tasks, 40, DECADES, seed)
        weights = balancer(IMTLG, tasks).weights(step(rows))
        point = weights @ rows
        along = rows @ point / rows.norm(dim=1)
        assert float((along / along[0] - 1).abs().max()) <= 1e-9
        assert float(along[0]) > 0
        assert float(weights.sum().abs()) == pytest.approx(1, rel=1e-12)


def test_it_never_goes_uphill_for_all():
    # The mean of the first two, between which the third lies, is what all agree with most.
    rows = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.96, 0.28]], dtype=torch.float64)
    rows = torch.cat([rows, torch.tensor([[0.0], [0.0], [0.1]]).double()], 1)
    rows[2] *= 1e-3
    weights = balancer(IMTLG, 3).weights(step(rows))
    assert float(written_out(rows).sum()) == pytest.approx(1)
    assert bool((rows @ (weights @ rows) > 0).all())
    assert float((rows @ (written_out(rows) @ rows)).max()) < 0


def test_two_tasks_by_hand():
    rows = torch.tensor([[3.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert close(mixed(IMTLG, rows), torch.tensor([0.75, 0.75], dtype=torch.float64))
