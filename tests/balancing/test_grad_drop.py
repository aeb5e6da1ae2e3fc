"""GradDrop against its definition."""

import pytest
import torch

from plait.balancing import GradDrop

from .gradients import balancer, close, gradients, step


def written_out(rows, lots, leak):
    purity = (1 + rows.sum(0) / rows.abs().sum(0)) / 2
    mask = ((purity > lots) & (rows > 0)) | ((purity < lots) & (rows < 0))
    return leak * rows.sum(0) + (1 - leak) * (mask * rows).sum(0), mask


@pytest.mark.parametrize("leak", [0.0, 0.3, 1.0])
def test_as_written_in_the_paper(leak):
    rows = gradients(4, 500, 1.0, 0)
    rule = balancer(GradDrop, 4, leak=leak, seed=3)
    rule.steps = 5
    source = torch.Generator().manual_seed((3 * 2_654_435_761 + 5) % 2**32)
    lots = torch.rand(500, generator=source, dtype=torch.float64)
    expected, mask = written_out(rows, lots, leak)
    there = step(rows)
    weights = rule.weights(there)
    assert close(rule.direction(there), expected, 1e-12)
    kept = (mask * rows).abs().sum(1) / rows.abs().sum(1)
    torch.testing.assert_close(weights, leak + (1 - leak) * kept, rtol=1e-12, atol=0)


def test_equal_signs_are_the_sum():
    for sign in (1, -1):
        rows = sign * gradients(3, 50, 0.0, 0).abs()
        rule = balancer(GradDrop, 3)
        assert close(rule.direction(step(rows)), rows.sum(0), 1e-12)
        assert rule.weights(step(rows)).tolist() == [1, 1, 1]


def test_it_is_the_sum_in_the_mean():
    rows = torch.tensor([[3.0], [-1.0]], dtype=torch.float64)
    rule, found = balancer(GradDrop, 2), []
    for turn in range(2000):
        rule.steps = turn
        found.append(float(rule.direction(step(rows))[0]))
    assert set(found) == {3, -1}
    assert found.count(3) / 2000 == pytest.approx(0.75, abs=0.04)


def test_zero_gradients_are_kept_whole():
    rows = torch.zeros(2, 3, dtype=torch.float64)
    rule = balancer(GradDrop, 2)
    assert rule.weights(step(rows)).tolist() == [1, 1]
    assert rule.direction(step(rows)).tolist() == [0, 0, 0]


def test_through_the_engine():
    w = torch.tensor([1.0, 1.0], requires_grad=True)
    weights = GradDrop(["a", "b"]).backward({"a": w[0] + 2 * w[1], "b": w[0] - w[1]})
    assert w.grad[0] == 2
    assert float(w.grad[1]) in (2, -1)
    assert float(weights["a"]) == (1 if w.grad[1] == 2 else pytest.approx(1 / 3))


def test_a_leak_is_a_share():
    with pytest.raises(ValueError, match="`leak` of GradDrop should be between 0 and 1"):
        GradDrop(["a"], leak=1.5)
