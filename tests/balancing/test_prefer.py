import pytest
import torch

from plait.balancing import Prefer, Step, UPGrad

NAMES = ["a", "b", "c"]


def test_a_method_sees_multiplied_losses():
    source = torch.Generator().manual_seed(0)
    rows = torch.randn(3, 5, generator=source, dtype=torch.float64)
    losses = torch.rand(3, generator=source, dtype=torch.float64)
    factors = torch.tensor([1e-6, 1.0, 1e6], dtype=torch.float64)
    balancer = Prefer(NAMES, weights={"a": 1e-6, "c": 1e6})
    found = balancer.weights(Step(losses, torch.arange(3), rows @ rows.T))
    rows = factors[:, None] * rows
    wanted = UPGrad(NAMES).weights(Step(factors * losses, torch.arange(3), rows @ rows.T))
    assert torch.allclose(found, factors * wanted, rtol=1e-9)


def test_whole_losses_are_multiplied():
    w, a, b = (torch.ones(2, requires_grad=True) for _ in range(3))
    balancer = Prefer(["a", "b"], weights={"a": 3.0})
    balancer.backward({"a": w[0] * a[0], "b": w[1] * b[0]})
    assert w.grad.tolist() == [1.5, 0.5]  # the mean of both
    assert (float(a.grad[0]), float(b.grad[0])) == (3, 1)


def test_a_method_that_sees_no_factors_undoes_it():
    balancer = Prefer(["a", "b"], weights={"a": 3.0}, of="Log")
    step = Step(torch.tensor([2.0, 4.0], dtype=torch.float64), torch.arange(2))
    assert balancer.weights(step).tolist() == pytest.approx([0.5, 0.25], rel=1e-12)


def test_preferences_are_above_zero_and_of_tasks():
    with pytest.raises(ValueError, match="`weights` of Prefer should be above 0 for 'a'"):
        Prefer(["a"], weights={"a": 0.0})
    with pytest.raises(ValueError, match=r"`weights` of Prefer should name the tasks .*'price'"):
        Prefer(["price"], weights={"prise": 2.0})
