"""GradNorm against autograd and the Adam of torch."""

import pytest
import torch

from plait.balancing import GradNorm

from .gradients import balancer, gradients, step


def test_as_written_in_the_paper_with_autograd_and_adam():
    rule = balancer(GradNorm, 3)
    weights = torch.ones(3, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([weights], lr=0.025)
    first = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    for turn in range(6):
        rows = gradients(3, 7, 1.0, turn)
        losses = first * torch.tensor([0.9, 0.5, 0.8], dtype=torch.float64) ** turn
        found = rule.weights(step(rows, losses=losses.tolist()))
        torch.testing.assert_close(found, weights.detach(), rtol=1e-6, atol=0)
        lengths = weights * rows.norm(dim=1)
        rates = losses / first
        target = (lengths.mean() * (rates / rates.mean()) ** 1.5).detach()
        adam.zero_grad()
        (lengths - target).abs().sum().backward()
        adam.step()
        with torch.no_grad():
            weights.mul_(3 / weights.sum())


def test_equal_lengths_and_rates_change_nothing():
    rule = balancer(GradNorm, 3)
    for _ in range(3):
        rule.weights(step(torch.eye(3, dtype=torch.float64)))
    assert rule.learned.tolist() == [1, 1, 1]


def test_long_gradients_lose_weight_until_lengths_are_equal():
    rule = balancer(GradNorm, 2, alpha=0.0)
    rows = torch.tensor([[3.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    for _ in range(200):
        found = rule.weights(step(rows, losses=[1.0, 1.0]))
    assert found.tolist() == pytest.approx([0.5, 1.5], abs=0.05)


def test_an_absent_task_learns_nothing():
    rule = balancer(GradNorm, 3)
    rule.weights(step(gradients(3, 5, 2.0, 0)))
    before = {name: value.clone() for name, value in rule.state_dict().items()}
    found = rule.weights(step(gradients(2, 5, 2.0, 1), index=[0, 2]))
    assert float(found.mean()) == pytest.approx(1)
    for name in ("learned", "first", "moment", "square", "count"):
        assert getattr(rule, name)[1] == before[name][1]
    assert not torch.equal(rule.moment, before["moment"])


def test_weights_stay_above_zero_and_zero_gradients_finite():
    rule = balancer(GradNorm, 2, rate=0.9)
    rows = torch.tensor([[3.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    for _ in range(30):
        found = rule.weights(step(rows))
        assert bool((found > 0).all())
        assert float(found.sum()) == pytest.approx(2)


def test_losses_are_above_zero():
    rule = GradNorm(["price", "click"])
    with pytest.raises(ValueError, match="loss of 'click' should be above zero for GradNorm"):
        rule.weights(step(gradients(2, 3, 0.0, 0), losses=[1.0, 0.0]))


def test_resumes_bit_equal():
    first = balancer(GradNorm, 3)
    for turn in range(3):
        first.weights(step(gradients(3, 5, 2.0, turn)))
    second = balancer(GradNorm, 3)
    second.load_state_dict(first.state_dict())
    for turn in range(3, 6):
        there = step(gradients(3, 5, 2.0, turn))
        assert torch.equal(first.weights(there), second.weights(there))
