"""Experts that are run as one are the same as each alone."""

import pytest
import torch
from torch import nn

from plait.sharing import CGC, PLE, CrossStitch, DSelectK, FiLMAdapters, LoRAAdapters, MMoE
from plait.sharing._experts import Experts, uniform

from .by_hand import close, expert

X = torch.randn(5, 6)


@pytest.mark.parametrize("layers", [1, 3])
def test_one_input_for_all_or_one_for_each(layers):
    experts = Experts(3, 6, layers, 0.0)
    each = torch.randn(3, 5, 6)
    assert experts(X).shape == (3, 5, 6)
    for number in range(3):
        assert close(experts(X)[number], expert(experts, number, X))
        assert close(experts(each)[number], expert(experts, number, each[number]))


def test_experts_start_apart_and_as_linear_layers_do():
    torch.manual_seed(0)
    experts = Experts(2, 16, 1, 0.0)
    weight = uniform(64, 1000)
    assert not torch.allclose(experts(torch.randn(3, 16))[0], experts(torch.randn(3, 16))[1])
    assert weight.abs().max() <= 1 / 8
    usual = nn.Linear(64, 1000).weight.abs().mean()
    assert weight.abs().mean().item() == pytest.approx(usual.item(), rel=0.1)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (MMoE, {"experts": 0}, "`experts` should be a whole number of at least 1. Got 0"),
        (MMoE, {"layers": 0}, "`layers` should be .* at least 1. Got 0"),
        (CGC, {"own": 0}, "`own` should be .* at least 1"),
        (CGC, {"shared": -1}, "`shared` should be .* at least 1"),
        (PLE, {"levels": 0}, "`levels` should be .* at least 1"),
        (CrossStitch, {"same": 1.5}, "`same` should be a share from 0 to 1. Got 1.5"),
        (DSelectK, {"experts": 1}, "`experts` should be .* at least 2"),
        (DSelectK, {"selected": 5}, "at most the number of experts. Got 5 of 4"),
        (DSelectK, {"selected": 0}, "`selected` should be .* at least 1"),
        (DSelectK, {"gamma": 0.0}, "Got gamma=0.0"),
        (DSelectK, {"entropy": -1.0}, "and entropy=-1.0"),
        (FiLMAdapters, {"layers": 0}, "`layers` should be .* at least 1"),
        (LoRAAdapters, {"rank": 0}, "`rank` should be .* at least 1"),
        (LoRAAdapters, {"alpha": 0.0}, "`alpha` should be above 0. Got 0.0"),
    ],
)
def test_options_that_mean_nothing_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(("a", "b"), 8, **options)
