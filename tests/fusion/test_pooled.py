"""Fusions of one vector per input, against written-out formulas."""

import math

import pytest
import torch

from plait.data import Masked
from plait.fusion import GMU, EmbraceNet, Experts, Max, ScalarAttention, Sum

from .parts import stirred

WIDTH = 3
NAMES = ("a", "b", "c")
THERE = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]]).bool()
VALUES = torch.randn(3, 4, 2, WIDTH, generator=torch.Generator().manual_seed(0))
MEANS = VALUES.mean(2).transpose(0, 1)  # [row, input, width]
PARTS = {
    name: Masked(VALUES[place], THERE[:, place, None].expand(4, 2))
    for place, name in enumerate(NAMES)
}


def each_row(module, rule) -> torch.Tensor:
    """What a rule says of each row, given the places that are there; the learned one of nothing."""
    rows = []
    for row in range(4):
        places = [place for place in range(3) if THERE[row, place]]
        rows.append(rule(MEANS[row], places) if places else module.nothing)
    return torch.stack(rows)


def beside(means, places) -> torch.Tensor:
    """All inputs side by side, zero where one is absent."""
    return torch.cat([means[p] if p in places else torch.zeros(WIDTH) for p in range(3)])


def shares(scores, places) -> dict[int, float]:
    powers = {place: math.exp(scores[place]) for place in places}
    return {place: power / sum(powers.values()) for place, power in powers.items()}


def test_sum():
    module = stirred(Sum(NAMES, WIDTH))
    expected = each_row(module, lambda means, places: sum(means[p] for p in places))
    assert torch.allclose(module(PARTS), expected, atol=1e-6)


def test_max():
    module = stirred(Max(NAMES, WIDTH))

    def rule(means, places):
        return torch.tensor([max(float(means[p][i]) for p in places) for i in range(WIDTH)])

    assert torch.allclose(module(PARTS), each_row(module, rule), atol=1e-6)


def test_scalar_attention():
    module = stirred(ScalarAttention(NAMES, WIDTH))

    def rule(means, places):
        share = shares(module.score(beside(means, places)).tolist(), places)
        return sum(share[p] * module.value[p](means[p]) for p in places)

    assert torch.allclose(module(PARTS), each_row(module, rule), atol=1e-6)


def test_experts():
    module = stirred(Experts(NAMES, WIDTH))

    def rule(means, places):
        share = shares(module.gate(beside(means, places)).tolist(), places)
        return sum(share[p] * module.experts[p](means[p]) for p in places)

    assert torch.allclose(module(PARTS), each_row(module, rule), atol=1e-6)


def test_gmu():
    module = stirred(GMU(NAMES, WIDTH))

    def rule(means, places):
        total = torch.zeros(WIDTH)
        for p in places:
            rows = module.gate.weight[p * WIDTH : (p + 1) * WIDTH]
            gate = 1 / (1 + (-(rows @ beside(means, places))).exp())
            total = total + gate * (module.value[p].weight @ means[p]).tanh()
        return total

    assert torch.allclose(module(PARTS), each_row(module, rule), atol=1e-6)


@pytest.mark.parametrize("odds", [{}, {"b": 4.0, "c": 0.5}])
def test_embrace_net_is_the_average_of_its_lots(odds):
    module = stirred(EmbraceNet(NAMES, WIDTH, probabilities=odds))

    def rule(means, places):
        total = sum(odds.get(NAMES[p], 1.0) for p in places)
        return sum(
            odds.get(NAMES[p], 1.0) / total * module.dock[p](means[p]).clamp(min=0) for p in places
        )

    expected = each_row(module, rule)
    assert torch.allclose(module(PARTS), expected, atol=1e-6)
    module.train()
    drawn = torch.stack([module(PARTS) for _ in range(2000)])
    assert torch.allclose(drawn.mean(0), expected, atol=0.06)
    docked = torch.stack([dock(MEANS[:, p]) for p, dock in enumerate(module.dock)], 1).clamp(min=0)
    near = (drawn.unsqueeze(2) - docked).abs() < 1e-6  # [draw, row, input, width]
    assert (near & THERE[:, :, None]).any(2)[:, :3].all()


def test_embrace_net_draws_anew_from_the_generator_of_torch():
    module = stirred(EmbraceNet(NAMES, 64)).train()
    parts = {n: Masked(torch.randn(2, 1, 64), torch.ones(2, 1).bool()) for n in NAMES}
    one, other = module(parts), module(parts)
    assert not torch.equal(one, other)
    torch.manual_seed(5)
    first = module(parts)
    torch.manual_seed(5)
    assert torch.equal(module(parts), first)


def test_embrace_net_refuses_odds_that_mean_nothing():
    with pytest.raises(ValueError, match=r"name inputs, of \['a', 'b', 'c'\]. Got 'd'"):
        EmbraceNet(NAMES, WIDTH, probabilities={"d": 1.0})
    for odd in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"positive numbers. Got {odd} for 'a'"):
            EmbraceNet(NAMES, WIDTH, probabilities={"a": odd})
