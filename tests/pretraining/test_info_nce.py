import math

import pytest
import torch

from plait.pretraining import InfoNCE

ONE = [[1.0, 0.0], [0.6, 0.8], [-2.0, 0.0]]
OTHER = [[3.0, 0.0], [0.0, 1.0], [-0.6, 0.8]]
ALL = torch.ones(3, 3).bool()
WHOLE = ALL.tolist()


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def by_hand(scale, against=WHOLE):
    """The formula in plain loops, over the rows of which both vectors are there."""
    rows = [row for row in range(3) if against[row][row]]
    total = 0.0
    for row in rows:
        own = math.exp(scale * cosine(ONE[row], OTHER[row]))
        there = sum(math.exp(scale * cosine(ONE[row], OTHER[at]))
                    for at in range(3) if against[row][at])  # fmt: skip
        back = sum(math.exp(scale * cosine(ONE[at], OTHER[row]))
                   for at in range(3) if against[at][row])  # fmt: skip
        total += -(math.log(own / there) + math.log(own / back)) / 2
    return total / len(rows)


def loss(module, against=ALL):
    return module(torch.tensor(ONE), torch.tensor(OTHER), against)


def test_the_published_formula():
    assert loss(InfoNCE()).item() == pytest.approx(by_hand(1 / 0.07), rel=1e-4)


def test_temperature():
    assert loss(InfoNCE(temperature=0.5)).item() == pytest.approx(by_hand(2), rel=1e-5)


def test_a_row_that_is_not_there_is_in_no_sum():
    against = torch.tensor([[True, False, True], [False] * 3, [True, False, True]])
    assert loss(InfoNCE(temperature=0.5), against).item() == pytest.approx(
        by_hand(2, against.tolist()), rel=1e-5
    )


def test_rows_that_are_alike_are_not_held_against_each_other():
    against = torch.tensor([[True, False, True], [False, True, True], [True, True, True]])
    found = loss(InfoNCE(temperature=0.5), against).item()
    assert found == pytest.approx(by_hand(2, against.tolist()), rel=1e-5)
    assert found < loss(InfoNCE(temperature=0.5)).item()


def test_the_scale_is_bounded_and_can_come_back():
    module = InfoNCE(temperature=1e-3, most=5.0)
    assert module.scale.item() == pytest.approx(5.0)
    assert loss(module).item() == pytest.approx(by_hand(5), rel=1e-5)
    loss(module).backward()
    assert module.log_scale.grad != 0


def test_the_temperature_is_learned():
    module = InfoNCE()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    before = module.scale.item()
    for _ in range(20):
        optimizer.zero_grad()
        module(torch.tensor(ONE), torch.tensor(ONE), ALL).backward()
        optimizer.step()
    assert module.scale.item() > before + 1  # partners that stand together may be sharper


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"most": -1.0}])
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ValueError, match="should be above 0"):
        InfoNCE(**options)
