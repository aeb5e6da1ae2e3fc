import math

import pytest
import torch
from torch import nn

from plait.modalities._calm import EASE, Calm
from plait.training._schedule import pace, parameter_groups


@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5])
def test_the_pace_is_the_written_out_one(warmup):
    for place in range(101):
        progress = place / 100
        if progress < warmup:
            wanted = max(0.01, progress / warmup)
        else:
            wanted = 0.01 + 0.99 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2
        assert pace(progress, warmup) == pytest.approx(wanted)
    assert pace(7.0, warmup) == pytest.approx(0.01)


def test_matrices_decay_and_nothing_else_does(words):
    model = words.model()
    decay, spare = parameter_groups([model], 0.3)
    assert (decay["weight_decay"], spare["weight_decay"]) == (0.3, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decays = {names[id(parameter)] for parameter in decay["params"]}
    spared = {names[id(parameter)] for parameter in spare["params"]}
    assert decays | spared == set(names.values())
    assert not decays & spared
    assert all(".bias" not in name for name in decays)
    kinds = {name: module for name, module in model.named_modules()}  # noqa: C416
    for name in names.values():
        module = kinds[name.rpartition(".")[0]]
        if isinstance(module, nn.Embedding | nn.EmbeddingBag | nn.LayerNorm):
            assert name in spared
        if isinstance(module, nn.Linear | nn.Conv1d) and name.endswith("weight"):
            assert name in decays


def test_a_tied_matrix_is_in_one_group():
    class Tied(nn.Module):
        def __init__(self, first: bool) -> None:
            super().__init__()
            table, out = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
            out.weight = table.weight
            self.parts = nn.ModuleList([table, out] if first else [out, table])

    for first in (True, False):
        decay, spare = parameter_groups([Tied(first)], 0.1)
        assert (len(decay["params"]), len(spare["params"])) == (0, 1)
        torch.optim.AdamW([decay, spare])


def test_a_balancer_of_its_own_is_trained_too():
    inner = nn.Linear(2, 2)
    decay, spare = parameter_groups([inner, inner, nn.LayerNorm(2)], 0.1)
    assert (len(decay["params"]), len(spare["params"])) == (1, 3)


@pytest.mark.parametrize("first", [True, False])
def test_a_calm_layer_moves_as_far_as_its_gradients_say(first):
    calm, usual = Calm(2, 1), nn.Linear(2, 1)
    groups = parameter_groups([calm, usual] if first else [usual, calm], 0.1)
    assert [len(group["params"]) for group in groups] == [1, 2, 1]
    assert groups[0]["params"][0] is usual.weight
    assert (groups[2]["params"][0] is calm.weight, groups[2]["eps"]) == (True, EASE)
    optimizer = torch.optim.AdamW(groups, lr=0.01)
    before = [each.weight.detach().clone() for each in (calm, usual)]
    for each in (calm, usual):
        each.weight.grad = torch.tensor([[1e-3, 1e-4]])
    optimizer.step()
    moved = [old - each.weight for old, each in zip(before, (calm, usual), strict=True)]
    slow, fast = (float((each[0, 0] / each[0, 1]).detach()) for each in moved)
    assert 9 < slow < 10.1
    assert 0.5 < fast < 2


def test_a_calm_layer_that_is_tied_or_frozen_is_in_one_group_or_none():
    table, calm = nn.Embedding(5, 3), Calm(3, 5, bias=False)
    calm.weight = table.weight
    decay, spare = parameter_groups([nn.ModuleList([calm, table])], 0.1)
    assert (len(decay["params"]), len(spare["params"])) == (0, 1)
    usual = nn.Linear(3, 5, bias=False)
    usual.weight = nn.Parameter(usual.weight.detach())
    shared = Calm(3, 5, bias=False)
    shared.weight = usual.weight
    decay, _, eased = parameter_groups([nn.ModuleList([usual, shared])], 0.1)
    assert (len(decay["params"]), len(eased["params"])) == (0, 1)
    assert len(parameter_groups([Calm(2, 2).requires_grad_(False)], 0.1)) == 2
