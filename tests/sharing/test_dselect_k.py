"""DSelect-k: the step and the selector by hand, the choice, and what doubt costs."""

import math

import pytest
import torch

from plait.sharing import DSelectK
from plait.sharing._selector import codes, doubt, picked, smooth_step

from .by_hand import close, expert

TASKS = ("a", "b")
X = torch.randn(5, 6)


def test_smooth_step_by_hand():
    values = torch.tensor([-9.0, -0.5, -0.25, 0.0, 0.25, 0.5, 9.0])
    # At a quarter: -2 / 64 + 3 / 8 + 1 / 2.
    expected = [0.0, 0.0, 0.15625, 0.5, 0.84375, 1.0, 1.0]
    assert smooth_step(values, 1.0).tolist() == expected
    assert smooth_step(4 * values, 4.0).tolist() == expected


def test_smooth_step_is_smooth_and_huge_values_are_no_harm():
    values = torch.tensor([-1e30, -0.5, 0.0, 0.5, 1e30], requires_grad=True)
    smooth_step(values, 1.0).sum().backward()
    assert values.grad.tolist() == [0.0, 0.0, 1.5, 0.0, 0.0]


def test_a_selector_by_hand():
    assert codes(3).tolist() == [[False, False], [True, False], [False, True]]
    assert codes(5).shape == (5, 3)
    shares = picked(torch.tensor([0.25, 0.9]), codes(4))
    assert torch.allclose(shares, torch.tensor([0.075, 0.025, 0.675, 0.225]))
    assert picked(torch.tensor([1.0, 0.0]), codes(4)).tolist() == [0.0, 1.0, 0.0, 0.0]


def test_gate_and_mixture_of_the_published_formula():
    module = DSelectK(TASKS, 6, experts=4, selected=2).eval()
    logits = [[[0.25, -0.25], [0.0, 9.0]], [[9.0, 9.0], [-9.0, -9.0]]]  # task, selector, bit
    module.bits.values.data = torch.tensor(logits).flatten()
    module.ratio.values.data = torch.tensor([0.0, math.log(3.0), 0.0, 0.0])
    low, high = 0.15625, 0.84375
    one = [low * high, high * high, low * low, high * low]  # of bits .84 and .16
    two = [0.0, 0.0, 0.5, 0.5]
    expected = [[0.25 * p + 0.75 * q for p, q in zip(one, two, strict=True)], [0.5, 0, 0, 0.5]]
    assert torch.allclose(module.weights(X), torch.tensor(expected))
    for place, task in enumerate(TASKS):
        mixture = sum(expected[place][n] * expert(module.experts, n, X) for n in range(4))
        assert close(module(X)[task], module.norm(mixture))


@pytest.mark.parametrize("selected", [1, 2, 3])
@pytest.mark.parametrize("experts", [4, 5])
def test_exactly_so_many_are_picked_once_all_bits_are_sure(experts, selected):
    module = DSelectK(TASKS, 6, experts=experts, selected=selected).eval()
    sure = codes(experts)[:selected].float().sub(0.5).mul(3)  # each selector another expert
    module.bits.values.data = sure.expand(2, -1, -1).flatten().clone()
    shares = module.weights(X)
    assert (shares > 0).sum(1).tolist() == [selected, selected]
    assert shares.sum(1).tolist() == pytest.approx([1, 1])


def test_rows_choose_for_themselves_when_told_so():
    module = DSelectK(TASKS, 6, per_row=True).eval()
    for weight in module.parameters():
        torch.nn.init.normal_(weight)
    shares = module.weights(X)
    assert shares.shape == (5, 2, 4)
    assert not torch.allclose(shares[0], shares[1])
    for row in range(5):
        mixture = sum(
            shares[row, 0, n] * expert(module.experts, n, X[row : row + 1]) for n in range(4)
        )
        assert close(module(X)["a"][row : row + 1], module.norm(mixture))


def test_it_starts_undecided():
    for per_row in (False, True):
        shares = DSelectK(TASKS, 6, per_row=per_row).weights(X)
        assert torch.allclose(shares, torch.full_like(shares, 0.25), atol=0.05)


def test_doubt_by_hand():
    even, sure = torch.full((4,), 0.25), torch.tensor([0.0, 1.0, 0.0, 0.0])
    assert float(doubt(even, 2.0)) == pytest.approx(2 * math.log(4), rel=1e-4)
    assert float(doubt(sure, 2.0)) == pytest.approx(0, abs=1e-4)
    # Three experts have the numbers 0 to 2; that of nobody weighs a quarter.
    assert float(doubt(even[:3], 0.0)) == pytest.approx(1 / 0.75)
    assert float(doubt(torch.zeros(3), 0.0)) == pytest.approx(1e6)


def pull(tasks: str = "ab", experts: int = 4, **options) -> torch.Tensor:
    """The gradient of the bits when the loss itself has none for them."""
    torch.manual_seed(0)
    module = DSelectK(TASKS, 6, experts=experts, dropout=0.0, **options).train()
    for block in module.experts.blocks:  # all experts say the same
        for weight in (block.leave, block.leave_bias):
            weight.data.zero_()
    out = module(X)
    sum(out[task].sum() * 0 + out[task][:, 0].sum() for task in tasks).backward()
    parts = list(module.bits.parameters())
    return torch.cat([part.grad.flatten() for part in parts])


def test_costs_enter_on_the_way_back_and_for_tasks_with_a_loss_alone():
    assert pull(entropy=0.0).abs().max() < 1e-6
    assert (pull(entropy=0.1).abs() > 1e-4).all()
    assert torch.allclose(pull(entropy=0.2), 2 * pull(entropy=0.1), atol=1e-6)
    assert (pull(experts=3, entropy=0.0).abs() > 1e-2).any()
    only = pull("a", entropy=0.1).view(2, -1)
    assert torch.allclose(only[0], pull(entropy=0.1).view(2, -1)[0], atol=1e-6)
    assert only[1].abs().max() < 1e-6
    assert pull(entropy=0.1, per_row=True).abs().max() > 1e-4


def test_the_pull_goes_towards_a_choice():
    bits = torch.tensor([0.1, -0.1], requires_grad=True)
    for _ in range(200):
        cost = doubt(picked(smooth_step(bits, 1.0), codes(4)), 1.0)
        (slope,) = torch.autograd.grad(cost, bits)
        bits = (bits - 0.01 * slope).detach().requires_grad_()
    assert picked(smooth_step(bits, 1.0), codes(4)).max() > 0.95


@pytest.mark.parametrize("per_row", [False, True])
def test_gradients_of_all_tasks_at_once_are_those_of_each(per_row):
    module = DSelectK(TASKS, 6, experts=3, per_row=per_row, entropy=0.1, dropout=0.0).train()
    weights = list(module.parameters())
    sums = torch.stack([part.cos().sum() for part in module(X).values()])
    several = torch.autograd.grad(sums, weights, torch.eye(2), True, is_grads_batched=True)
    for place in range(2):
        alone = torch.autograd.grad(sums[place], weights, retain_graph=True)
        for one, both in zip(alone, several, strict=True):
            assert torch.allclose(one, both[place], atol=1e-5)


def test_wider_steps_are_slower_to_be_sure():
    narrow, wide = (DSelectK(TASKS, 6, selected=1, gamma=gamma).eval() for gamma in (1.0, 4.0))
    for module in (narrow, wide):
        torch.nn.init.constant_(module.bits.values, 0.6)
    assert narrow.weights(X).max() == 1
    assert wide.weights(X).max() < 0.7
