import math

import pytest
import torch

from plait.pretraining import SigLIP

ONE = [[1.0, 0.0], [0.6, 0.8], [-2.0, 0.0]]
OTHER = [[3.0, 0.0], [0.0, 1.0], [-0.6, 0.8]]
ALL = torch.ones(3, 3).bool()
WHOLE = ALL.tolist()


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def by_hand(scale, bias, against=WHOLE):
    """The formula in plain loops, over the pairs that count."""
    total = 0.0
    for row in range(3):
        for at in range(3):
            if against[row][at]:
                sign = 1 if row == at else -1
                logit = scale * cosine(ONE[row], OTHER[at]) + bias
                total += math.log(1 + math.exp(-sign * logit))
    return total / sum(against[row][row] for row in range(3))


def loss(module, against=ALL):
    return module(torch.tensor(ONE), torch.tensor(OTHER), against)


def test_the_published_formula():
    assert loss(SigLIP()).item() == pytest.approx(by_hand(10, -10), rel=1e-5)


def test_scale_and_bias():
    assert loss(SigLIP(scale=3.0, bias=-10.0)).item() == pytest.approx(by_hand(3, -10), rel=1e-5)
    assert loss(SigLIP(scale=10.0, bias=-1.0)).item() == pytest.approx(by_hand(10, -1), rel=1e-5)


@pytest.mark.parametrize(
    "against",
    [
        [[True, False, True], [False, False, False], [True, False, True]],
        [[True, False, True], [False, True, True], [True, True, True]],
    ],
)
def test_pairs_that_do_not_count_are_in_no_sum(against):
    found = loss(SigLIP(scale=3.0, bias=-1.0), torch.tensor(against)).item()
    assert found == pytest.approx(by_hand(3, -1, against), rel=1e-5)


def test_scale_and_bias_are_learned():
    module = SigLIP()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    apart = torch.eye(3)
    before = module(apart, apart, ALL).item()
    for _ in range(20):
        optimizer.zero_grad()
        module(apart, apart, ALL).backward()
        optimizer.step()
    assert module(apart, apart, ALL) < 0.9 * before
    assert module.bias > -10 + 0.01
    assert module.log_scale > math.log(10) + 0.1


def test_a_scale_that_means_nothing_is_refused():
    with pytest.raises(ValueError, match=r"`scale` should be above 0\. Got -1"):
        SigLIP(scale=-1.0)
