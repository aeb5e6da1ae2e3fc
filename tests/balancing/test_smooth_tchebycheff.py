from decimal import Decimal, getcontext

import pytest
import torch

from plait.balancing import SmoothTchebycheff, Step


def step(losses, index=None):
    index = torch.arange(len(losses)) if index is None else torch.tensor(index)
    return Step(torch.tensor(losses, dtype=torch.float64), index)


def written_out(losses, mu, preference, ideal):
    getcontext().prec = 60
    shares = [Decimal(each) / sum(map(Decimal, preference)) for each in preference]
    powers = [
        (share * (Decimal(loss) - Decimal(low)) / Decimal(mu)).exp()
        for share, loss, low in zip(shares, losses, ideal, strict=True)
    ]
    return [float(share * each / sum(powers)) for share, each in zip(shares, powers, strict=True)]


@pytest.mark.parametrize("mu", [0.25, 1.0, 1e6])
@pytest.mark.parametrize("losses", [[0.5, 4.0, -1.0], [1e-6, 3.0, 1e2]])
def test_weights_are_written_out(losses, mu):
    preference, ideal = [1.0, 2.0, 0.5], [0.0, 1.0, -2.0]
    balancer = SmoothTchebycheff(
        ["a", "b", "c"],
        mu=mu,
        preference=dict(zip("abc", preference, strict=True)),
        ideal=dict(zip("abc", ideal, strict=True)),
    )
    found = balancer.weights(step(losses))
    wanted = written_out(losses, mu, preference, ideal)
    assert found.tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-250)


def test_small_and_large_mu_are_the_maximum_and_the_sum():
    losses = [0.5, 4.0, 1.0]
    sharp = SmoothTchebycheff(["a", "b", "c"], mu=1e-9).weights(step(losses))
    assert sharp.tolist() == pytest.approx([0, 1 / 3, 0], abs=1e-12)
    flat = SmoothTchebycheff(["a", "b", "c"], mu=1e9).weights(step(losses))
    assert flat.tolist() == pytest.approx([1 / 9] * 3, rel=1e-6)


def test_huge_losses_do_not_overflow():
    found = SmoothTchebycheff(["a", "b"], mu=1e-12).weights(step([1e200, 1e190]))
    assert found.tolist() == [0.5, 0.0]


def test_a_task_without_a_preference_pulls_at_nothing():
    balancer = SmoothTchebycheff(["a", "b"], preference={"a": 0.0})
    assert balancer.weights(step([3.0], [0])).tolist() == [0.0]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="`mu` of SmoothTchebycheff should be"):
        SmoothTchebycheff(["a"], mu=0.0)
    with pytest.raises(ValueError, match="`preference` of SmoothTchebycheff should be above zero"):
        SmoothTchebycheff(["a"], preference={"a": 0.0})
    with pytest.raises(ValueError, match="`ideal` of SmoothTchebycheff should be finite for 'a'"):
        SmoothTchebycheff(["a"], ideal={"a": float("nan")})
