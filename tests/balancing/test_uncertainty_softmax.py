from decimal import Decimal, getcontext

import pytest
import torch

from plait.balancing import Step, UncertaintySoftmax


def step(losses):
    return Step(torch.tensor(losses, dtype=torch.float64), torch.arange(len(losses)))


def written_out(losses, temperature):
    getcontext().prec = 60
    powers = [(1 / (Decimal(temperature) * Decimal(each))).exp() for each in losses]
    return [float(each / sum(powers)) for each in powers]


@pytest.mark.parametrize(
    ("losses", "temperature"),
    [([0.5, 4.0], 1.0), ([0.3, 2.0, 1e6], 0.1), ([1e-6, 2e-6, 3.0], 1e6)],
)
def test_the_softmax_is_written_out(losses, temperature):
    balancer = UncertaintySoftmax(list("abc"[: len(losses)]), temperature=temperature)
    found = balancer.weights(step(losses))
    assert found.tolist() == pytest.approx(written_out(losses, temperature), rel=1e-9)
    assert float(found.sum()) == pytest.approx(1, rel=1e-12)


def test_equal_losses_and_high_temperatures_make_equal_weights():
    third = pytest.approx([1 / 3] * 3, rel=1e-9)
    assert UncertaintySoftmax(["a", "b", "c"]).weights(step([0.2] * 3)).tolist() == third
    hot = UncertaintySoftmax(["a", "b", "c"], temperature=1e12)
    assert hot.weights(step([0.1, 1.0, 9.0])).tolist() == third


def test_losses_next_to_nothing_do_not_overflow():
    found = UncertaintySoftmax(["a", "b", "c"]).weights(step([5e-324, 5e-324, 1.0]))
    assert found.tolist() == [0.5, 0.5, 0.0]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="'a' should be above zero for UncertaintySoftmax"):
        UncertaintySoftmax(["a", "b"]).weights(step([-1.0, 1.0]))
    with pytest.raises(ValueError, match="`temperature` of UncertaintySoftmax should be"):
        UncertaintySoftmax(["a"], temperature=0.0)
