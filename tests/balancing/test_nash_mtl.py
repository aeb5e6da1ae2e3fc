"""NashMTL against its equation."""

import math

import pytest
import torch

from plait.balancing import NashMTL

from .gradients import DECADES, balancer, close, gradients, mixed, step, weighed


@pytest.mark.parametrize("tasks", [1, 2, 3, 8, 16])
@pytest.mark.parametrize("numbers", [40, 16])
def test_each_gains_one_over_its_weight(tasks, numbers):
    for seed in range(5):
        rows = gradients(tasks, numbers, DECADES, seed)
        weights = balancer(NashMTL, tasks, max_norm=0.0).weights(step(rows))
        gains = rows @ (weights @ rows)
        assert float((weights * gains - 1).abs().max()) <= 1e-9
        assert float((weights @ rows).norm()) == pytest.approx(math.sqrt(tasks), rel=1e-9)
        assert bool((weights > 0).all())


def test_two_tasks_by_hand():
    rows = gradients(2, 5, DECADES, 0)
    lengths = rows.norm(dim=1)
    cosine = rows[0] @ rows[1] / lengths.prod()
    expected = 1 / lengths / (1 + cosine).sqrt()
    found = balancer(NashMTL, 2, max_norm=0.0).weights(step(rows))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("angle", [1e-1, 1e-3, 1e-5])
def test_nearly_opposed_ones_are_solved(angle):
    rows = torch.tensor([[1.0, 0.0], [-math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    half = torch.tensor(angle / 2, dtype=torch.float64)
    expected = torch.stack([half.sin(), half.cos()]) * math.sqrt(2)
    assert close(mixed(NashMTL, rows, max_norm=0.0), expected, 1e-15 / angle**2 + 1e-9)


def test_the_result_has_a_length_at_most():
    rows = gradients(4, 9, DECADES, 1)
    plain = mixed(NashMTL, rows, max_norm=0.0)
    assert close(mixed(NashMTL, rows), plain / 2)
    assert close(mixed(NashMTL, rows, max_norm=1.5), plain * 0.75)
    assert close(mixed(NashMTL, rows, max_norm=3.0), plain)


@pytest.mark.parametrize("tasks", [2, 3, 6])
def test_where_gradients_cancel_weights_are_zero(tasks):
    for seed in range(5):
        rows = gradients(tasks, 9, 0.0, seed)
        rows[0] = -rows[1:].sum(0)
        rows = rows * gradients(tasks, 9, DECADES, seed + 1).norm(dim=1)[:, None]
        assert not bool(weighed(NashMTL, rows).any())
