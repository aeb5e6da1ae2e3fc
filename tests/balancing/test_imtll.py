import math

import pytest
import torch

from plait.balancing import IMTLL, Step, Uncertainty


def step(losses):
    return Step(torch.tensor(losses, dtype=torch.float64), torch.arange(len(losses)))


def test_it_is_the_double_of_uncertainty_with_the_sign_turned():
    losses = [1e-6, 3.0, 1e6]
    mine, other = IMTLL(["a", "b", "c"], start=0.5), Uncertainty(["a", "b", "c"], start=-0.5)
    assert torch.allclose(mine.weights(step(losses)), 2 * other.weights(step(losses)), rtol=1e-12)
    for one, two in zip(mine.parameters(), other.parameters(), strict=True):
        assert float(one.grad) == pytest.approx(-2 * float(two.grad), rel=1e-6)


def test_weights_are_written_out():
    balancer = IMTLL(["a", "b"], start=1.0)
    assert balancer.weights(step([2.0, 5.0])).tolist() == pytest.approx([math.e] * 2, rel=1e-9)
    grads = [float(each.grad) for each in balancer.parameters()]
    assert grads == pytest.approx([2 * math.e - 1, 5 * math.e - 1], rel=1e-6)


def test_factors_bring_all_losses_to_one():
    balancer = IMTLL(["a", "b"])
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.2)
    for _ in range(200):
        optimizer.zero_grad()
        balancer.weights(step([0.5, 4.0]))
        optimizer.step()
    assert balancer.weights(step([0.5, 4.0])).tolist() == pytest.approx([2.0, 0.25], rel=1e-4)


def test_the_start_is_finite():
    with pytest.raises(ValueError, match="`start` of IMTLL should be finite"):
        IMTLL(["a"], start=math.inf)
