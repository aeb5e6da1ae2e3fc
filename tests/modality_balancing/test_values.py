"""Against the formulas of the papers, written out."""

import math

import pytest
import torch
from torch import nn

from plait import ConfigError
from plait.balancing import Sum
from plait.modality_balancing import OGMGE, Auxiliary, GradientBlending, MMPareto, ViewLosses
from plait.modality_balancing._mmpareto import share_of

INPUTS, TASKS = ("a", "b"), ("y", "z")
BOTH, A, B = ("a", "b"), ("a",), ("b",)
add = Sum(TASKS).backward


def test_auxiliary_is_a_weighted_sum():
    w = nn.Parameter(torch.ones(()))
    losses = {BOTH: {"y": w, "z": 3 * w}, A: {"y": 5 * w}, B: {"y": 7 * w, "z": 11 * w}}
    Auxiliary(INPUTS, TASKS, weight=0.25).backward(ViewLosses(losses), {}, add)
    assert w.grad.item() == 1 + 3 + 0.25 * (5 + 7 + 11)


def test_the_ratio_of_ogm_is_that_to_the_mean_of_the_others():
    names = ("a", "b", "c")
    trust = {
        ("a",): {"y": torch.tensor(0.9), "z": torch.tensor(0.5)},
        ("b",): {"y": torch.tensor(0.3)},
        ("c",): {"y": torch.tensor(0.2), "z": torch.tensor(0.4)},
    }
    scores = [0.7, 0.3, 0.3]
    found = OGMGE(names, TASKS, alpha=0.2).coefficients(trust)
    for place, name in enumerate(names):
        others = [score for other, score in enumerate(scores) if other != place]
        ratio = scores[place] / (sum(others) / 2)
        expected = 1 - math.tanh(0.2 * ratio) if ratio > 1 else 1.0
        assert found[name].item() == pytest.approx(expected, rel=1e-5)


def test_ogm_scales_one_encoder_and_ogm_ge_adds_noise_of_its_spread():
    size = 20_000
    weights = {name: nn.Parameter(torch.zeros(size)) for name in INPUTS}
    pull = torch.randn(size)

    def step():
        total = sum((weight * pull).sum() for weight in weights.values())
        trust = {A: {"y": torch.tensor(0.8)}, B: {"y": torch.tensor(0.4)}}
        return ViewLosses({BOTH: {"y": total}}, trust)

    encoders = {name: [weight] for name, weight in weights.items()}
    OGMGE(INPUTS, TASKS, alpha=0.5, noise=False).backward(step(), encoders, add)
    factor = 1 - math.tanh(0.5 * 2)
    assert torch.allclose(weights["a"].grad, factor * pull)
    assert torch.allclose(weights["b"].grad, pull)
    for weight in weights.values():
        weight.grad = None
    OGMGE(INPUTS, TASKS, alpha=0.5).backward(step(), encoders, add)
    noise = weights["a"].grad - factor * pull
    assert noise.std().item() == pytest.approx(pull.std().item(), rel=0.03)
    assert abs(noise.mean().item()) < 0.03
    assert abs((noise * pull).mean().item()) < 0.03


@pytest.mark.parametrize("angle", [0.3, 1.2, 1.7, 2.4, 3.0])
@pytest.mark.parametrize("length", [0.2, 1.0, 5.0])
def test_the_share_of_a_conflict_makes_the_mix_shortest(angle, length):
    joint = torch.tensor([1.0, 0.0], dtype=torch.float64)
    single = length * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    found = share_of(joint, single).item()
    if angle < math.pi / 2:
        assert found == 0.5
        return
    grid = torch.linspace(0, 1, 100_001, dtype=torch.float64).unsqueeze(1)
    lengths = (grid * joint + (1 - grid) * single).norm(dim=1)
    assert found == pytest.approx(grid[lengths.argmin()].item(), abs=2e-5)
    mix = found * joint + (1 - found) * single
    assert mix @ joint >= -1e-9
    assert mix @ single >= -1e-9


@pytest.mark.parametrize("single", [[1.0, 2.0], [-3.0, 1.0]])
def test_mmpareto_written_out(single):
    w = nn.Parameter(torch.zeros(2))
    other = nn.Parameter(torch.zeros(2))
    one, two = torch.tensor([2.0, 1.0]), torch.tensor(single)
    losses = {BOTH: {"y": (w * one).sum() + other.sum()}, A: {"y": (w * two).sum() + other.sum()}}
    MMPareto(INPUTS, TASKS, gamma=1.25).backward(ViewLosses(losses), {"a": [w]}, add)
    shortest = ((two - one) @ two / ((one - two) @ (one - two))).clamp(0, 1)
    share = 0.5 if one @ two > 0 else shortest
    mixed = 2 * (share * one + (1 - share) * two)
    scale = max(1.0, ((one + two).norm() / mixed.norm()).item())
    assert torch.allclose(w.grad, 1.25 * scale * mixed)
    assert torch.equal(other.grad, torch.full([2], 2.0))  # behind the encoders: the plain sum


def test_gradient_blending_weighs_gain_by_the_square_of_overfitting():
    balancer = GradientBlending(INPUTS, TASKS, every=2)
    start = {view: {"y": 2.0, "z": 1.0} for view in balancer.views}
    balancer.observe(0, start, start)
    train = {BOTH: {"y": 1.0, "z": 0.5}, A: {"y": 0.5, "z": 0.5}, B: {"y": 1.5, "z": 0.9}}
    valid = {BOTH: {"y": 1.5, "z": 1.1}, A: {"y": 1.8, "z": 1.2}, B: {"y": 1.6, "z": 1.0}}
    assert [epoch for epoch in range(6) if balancer.due(epoch)] == [0, 2, 4]
    assert (balancer.weights == 1).all()
    balancer.observe(2, train, valid)
    gains, gaps = [0.5, 0.2, 0.4], [0.5, 1.3, 0.1]
    worth = [gain / gap**2 for gain, gap in zip(gains, gaps, strict=True)]
    expected = torch.tensor([3 * each / sum(worth) for each in worth], dtype=torch.float64)
    assert torch.allclose(balancer.weights[:, 0], expected)
    assert (balancer.weights[:, 1] == 1).all()  # nothing was gained anywhere: weights stay
    w = nn.Parameter(torch.ones(()))
    balancer.backward(ViewLosses({view: {"y": w} for view in balancer.views}), {}, add)
    assert w.grad.item() == pytest.approx(3, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Auxiliary, {"weight": -0.1}),
        (OGMGE, {"alpha": -1.0}),
        (MMPareto, {"gamma": 0.0}),
        (GradientBlending, {"every": 0}),
    ],
)
def test_options_that_mean_nothing_are_refused(kind, options):
    with pytest.raises(ConfigError, match=f"`{next(iter(options))}` should be"):
        kind(INPUTS, TASKS, **options)
