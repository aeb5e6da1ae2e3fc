from decimal import Decimal, getcontext

import pytest
import torch

from plait.balancing import Geometric, Log, Step


def step(losses):
    return Step(torch.tensor(losses, dtype=torch.float64), torch.arange(len(losses)))


def written_out(losses):
    getcontext().prec = 60
    numbers = [Decimal(each) for each in losses]
    product = Decimal(1)
    for each in numbers:
        product *= each
    mean = (product.ln() / len(numbers)).exp()
    return [float(mean / len(numbers) / each) for each in numbers]


@pytest.mark.parametrize("losses", [[2.0, 8.0], [1e-6, 3.0, 1e6], [5.0]])
def test_weights_are_the_derivatives_of_the_geometric_mean(losses):
    found = Geometric(list("abc"[: len(losses)])).weights(step(losses))
    assert found.tolist() == pytest.approx(written_out(losses), rel=1e-11)


def test_many_losses_neither_over_nor_underflow():
    names = [str(place) for place in range(200)]
    for size in (1e-5, 1e5):
        found = Geometric(names).weights(step([size] * 200))
        assert found.tolist() == pytest.approx([1 / 200] * 200, rel=1e-9)


def test_the_direction_is_that_of_logarithms():
    losses = [0.3, 2.0, 7.0]
    found = Geometric(["a", "b", "c"]).weights(step(losses))
    other = Log(["a", "b", "c"]).weights(step(losses))
    assert torch.allclose(found / found.sum(), other / other.sum(), rtol=1e-12)


def test_a_loss_that_is_not_above_zero_is_named():
    with pytest.raises(ValueError, match=r"The loss of 'a' should be above zero for Geometric"):
        Geometric(["a", "b"]).weights(step([0.0, 1.0]))
