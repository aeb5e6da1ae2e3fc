import pytest
import torch

from plait._errors import ConfigError
from plait.balancing import Log, Normalize, Step, Sum, UPGrad, backward

NAMES = ["a", "b", "c"]


def step(losses, rows=None, index=None):
    index = torch.arange(len(losses)) if index is None else torch.tensor(index)
    gramian = None if rows is None else rows @ rows.T
    return Step(torch.as_tensor(losses, dtype=torch.float64), index, gramian)


def rows(seed=0):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(3, 5, generator=source, dtype=torch.float64)


def test_the_sum_of_logarithms_is_log():
    losses = [1e-6, 2.0, 1e6]
    found = Normalize(NAMES, of="Sum").weights(step(losses))
    assert torch.allclose(found, Log(NAMES).weights(step(losses)), rtol=1e-12)


def test_by_logarithms_a_method_sees_gradients_over_losses():
    losses, given = torch.tensor([1e-6, 2.0, 1e6]).double(), rows()
    factors = 1 / losses
    found = Normalize(NAMES).weights(step(losses, given))
    wanted = factors * UPGrad(NAMES).weights(step(losses.log(), factors[:, None] * given))
    assert torch.allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize("by", ["log", "initial"])
def test_the_gradient_does_not_see_units(by):
    units = torch.tensor([1e-6, 1.0, 1e6], dtype=torch.float64)
    plain, scaled = Normalize(NAMES, by=by), Normalize(NAMES, by=by)
    for seed in range(3):
        losses, given = rows(seed + 10)[:, 0].abs(), rows(seed)
        one = plain.weights(step(losses, given)) @ given
        two = scaled.weights(step(units * losses, units[:, None] * given)) @ (
            units[:, None] * given
        )
        assert torch.allclose(one, two, rtol=1e-9)


def test_the_first_loss_is_that_of_the_first_step_of_the_task():
    balancer = Normalize(NAMES, by="initial", of=Sum)
    assert balancer.weights(step([4.0, 2.0], index=[0, 1])).tolist() == [0.25, 0.5]
    assert balancer.weights(step([1.0, 1.0, 8.0])).tolist() == [0.25, 0.5, 0.125]
    assert balancer.first.tolist() == [4, 2, 8]


@pytest.mark.parametrize("by", ["log", "initial"])
def test_own_weights_follow_the_changed_loss(by):
    w, a, b = (torch.ones(2, requires_grad=True) for _ in range(3))
    balancer = Normalize(["a", "b"], by=by, of={"name": "UPGrad", "preference": {"a": 3.0}})
    for _ in range(2):  # found in the first step, held in the second
        w.grad = a.grad = b.grad = None
        losses = {"a": 4 * w[0] * a[0], "b": 2 * w[1] * b[0]}
        backward(losses, balancer, every=2)
        assert w.grad.tolist() == pytest.approx([0.75, 0.25], rel=1e-6)
        assert (float(a.grad[0]), float(b.grad[0])) == pytest.approx((1, 1), rel=1e-6)


def test_a_task_alone_has_its_plain_gradient():
    w, own = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    Normalize(["a", "b"]).backward({"a": 4 * w[0] * own[0]})
    assert (float(w.grad), float(own.grad)) == (4, 4)


@pytest.mark.parametrize("by", ["log", "initial"])
def test_a_loss_that_cannot_be_divided_by_is_named(by):
    with pytest.raises(ValueError, match="The loss of 'b' should be above zero for Normalize"):
        Normalize(["a", "b"], by=by, of="Sum").weights(step([1.0, 0.0]))


def test_by_the_first_value_a_loss_may_become_zero():
    balancer = Normalize(["a"], by="initial", of="Sum")
    w = torch.tensor(2.0, requires_grad=True)
    balancer.backward({"a": w * 1})
    assert float(balancer.backward({"a": w * 0})["a"]) == 0.5


def test_a_method_that_cannot_see_logarithms_is_told_of():
    w = torch.tensor(1.0, requires_grad=True)
    balancer = Normalize(["a"], by="log", of="Log")
    with pytest.raises(ConfigError, match=r'logarithms .* take by="initial".*Log.* Got -0\.69'):
        balancer.backward({"a": 0.5 * w})
    with pytest.raises(ConfigError, match=r"^The loss of 'a' should be above zero for Normalize"):
        balancer.backward({"a": -0.5 * w})
