import math

import pytest
import torch

from plait.balancing import Step, Uncertainty


def step(losses, index=None):
    index = torch.arange(len(losses)) if index is None else torch.tensor(index)
    return Step(torch.tensor(losses, dtype=torch.float64), index)


def test_weights_and_gradients_are_written_out():
    balancer = Uncertainty(["a", "b", "c"], start=-0.5)
    losses = [1e-6, 3.0, 1e6]
    found = balancer.weights(step(losses))
    assert found.tolist() == pytest.approx([math.exp(0.5) / 2] * 3, rel=1e-12)
    grads = [float(each.grad) for each in balancer.parameters()]
    wanted = [(1 - math.exp(0.5) * loss) / 2 for loss in losses]
    assert grads == pytest.approx(wanted, rel=1e-6)  # they are kept in single precision


def test_variances_come_to_the_losses():
    balancer = Uncertainty(["a", "b"])
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        balancer.weights(step([0.5, 4.0]))
        optimizer.step()
    assert balancer.weights(step([0.5, 4.0])).tolist() == pytest.approx([1.0, 0.125], rel=1e-4)


def test_momentum_does_not_move_an_absent_task():
    balancer = Uncertainty(["a", "b"])
    optimizer = torch.optim.AdamW(balancer.parameters(), lr=0.1)
    balancer.weights(step([0.5, 4.0]))
    optimizer.step()
    before = balancer.log_variances[1].item()
    optimizer.zero_grad()
    balancer.weights(step([0.5], [0]))
    optimizer.step()
    assert balancer.log_variances[1].item() == before != 0


def test_the_start_is_finite():
    with pytest.raises(ValueError, match="`start` of Uncertainty should be finite"):
        Uncertainty(["a"], start=math.nan)
