"""CAGrad against its dual by bisection, and its conditions."""

import math

import pytest
import torch

from plait.balancing import CAGrad

from .gradients import DECADES, balancer, close, gradients, mixed, step, unchecked


def of_two(rows, c):
    """The weights of the dual for two tasks: where its derivative changes its sign."""
    mean = rows.mean(0)

    def both(log):
        share = torch.tensor([1 / (1 + math.exp(-log)), 1 / (1 + math.exp(log))])
        inner = share.double() @ rows
        slope = (rows[0] - rows[1]) @ (mean + c * mean.norm() * inner / inner.norm())
        return inner, float(slope)

    low, high = -70.0, 70.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if both(middle)[1] < 0 else (low, middle)
    inner = both((low + high) / 2)[0]
    return mean + c * mean.norm() * inner / inner.norm()


@pytest.mark.parametrize("c", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("decades", [0.0, 1.0, DECADES])
def test_two_tasks_by_bisection(c, decades):
    for seed in range(4):
        rows = gradients(2, 5, decades, seed)
        assert close(mixed(CAGrad, rows, c=c, rescale="none"), of_two(rows, c), 1e-7)


def conditions(rows, weights, c):
    """How far from optimal: distance from the mean; gains of those lifted; gains of the others."""
    mean, point, lengths = rows.mean(0), weights @ rows, rows.norm(dim=1)
    lifted = (weights - 1 / len(rows)) * lengths
    among = lifted > 1e-9 * lifted.max()
    gains = rows @ point
    bar = gains[among][lengths[among].argmin()]
    off = (gains - bar) / lengths / point.norm()
    distance = (point - mean).norm() / mean.norm() / c - 1
    return max(abs(float(distance)), float(off[among].abs().max()), float(-off.min()))


@pytest.mark.parametrize("tasks", [2, 3, 8, 16])
@pytest.mark.parametrize("decades", [0.0, DECADES])
def test_conditions_of_the_optimum(tasks, decades):
    for seed in range(8):
        rows = gradients(tasks, 30, decades, seed)
        for c in (0.2, 0.5, 0.95, 2.0):
            weights = balancer(CAGrad, tasks, c=c, rescale="none").weights(step(rows))
            assert bool((weights >= 1 / tasks - 1e-12).all())
            assert conditions(rows, weights, c) <= 1e-9


@pytest.mark.slow
def test_conditions_of_the_optimum_near_dependence():
    for seed in range(1500):
        tasks = 2 + seed % 15
        rows = gradients(tasks, tasks + seed % 3, [0.0, 3.0, DECADES][seed % 3], seed)
        c = [0.2, 0.5, 0.95][seed // 3 % 3]
        weights = balancer(CAGrad, tasks, c=c, rescale="none").weights(step(rows))
        assert conditions(rows, weights, c) <= 1e-7, seed


def test_rescale_divides():
    rows = gradients(3, 5, 1.0, 0)
    plain = mixed(CAGrad, rows, c=0.4, rescale="none")
    assert close(mixed(CAGrad, rows, c=0.4), plain / 1.16, 1e-12)
    assert close(mixed(CAGrad, rows, c=0.4, rescale="linear"), plain / 1.4, 1e-12)
    assert close(mixed(CAGrad, rows, c=0.0), rows.mean(0), 1e-12)
    with unchecked(), pytest.raises(ValueError, match="`rescale` of CAGrad"):
        CAGrad(["a"], rescale="cubic")


def test_opposed_ones_within_reach_of_zero():
    rows = torch.tensor([[1.0, 0.0], [-3.0, 0.0]], dtype=torch.float64)
    # The mean is (-1, 0), and half of its length is all that it may be changed by.
    assert close(mixed(CAGrad, rows, rescale="none"), torch.tensor([-0.5, 0.0]).double())
    assert mixed(CAGrad, rows, c=1.0).norm() <= 1e-6
