import pytest
import torch

from plait.balancing import Log, Step


def step(losses):
    return Step(torch.tensor(losses, dtype=torch.float64), torch.arange(len(losses)))


def test_each_is_weighed_by_one_over_its_loss():
    losses = [1e-6, 3.0, 1e6]
    found = Log(["a", "b", "c"]).weights(step(losses))
    assert found.tolist() == pytest.approx([1 / each for each in losses], rel=1e-12)


def test_the_gradient_does_not_see_units():
    grads = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    losses, units = torch.tensor([0.3, 2.0, 7.0]), torch.tensor([1e-6, 1.0, 1e6]).double()
    balancer = Log(["a", "b", "c"])
    plain = balancer.weights(step(losses.tolist())) @ grads
    scaled = balancer.weights(step((losses * units).tolist())) @ (units[:, None] * grads)
    assert torch.allclose(plain, scaled, rtol=1e-9)


@pytest.mark.parametrize("loss", [0.0, -2.0])
def test_a_loss_that_is_not_above_zero_is_named(loss):
    with pytest.raises(ValueError, match=r"The loss of 'b' should be above zero for Log.* Take a"):
        Log(["a", "b"]).weights(step([1.0, loss]))
