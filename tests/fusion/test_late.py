"""Fusion at the level of decisions: the slots, and how their answers are joined."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from plait import fusion
from plait._catalogue import catalogue
from plait.data import Masked
from plait.fusion import Late, LateMean, ProductOfExperts

from .parts import SIX, WIDTH, changed, stirred, tokens

each = pytest.mark.parametrize("kind", catalogue(fusion, Late).values())
THERE = torch.tensor([[True, True, False], [False, True, False], [False, False, True]])


def given(outputs: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(3, 3, outputs), torch.randn(3, 3, WIDTH)


@each
def test_there_is_a_slot_for_each_input_and_one_for_nothing(kind):
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    vectors, there = module.apart(parts)
    assert vectors.shape == (5, 7, WIDTH)
    present = torch.stack([parts[name].present for name in SIX], 1)
    assert torch.equal(there[:, :6], present)
    assert torch.equal(there[:, 6], ~present.any(1))
    assert there[-1].tolist() == [False] * 6 + [True]
    for place, name in enumerate(SIX):
        mean = parts[name].values[0].mean(0)
        assert torch.allclose(vectors[0, place], module.own[place](mean), atol=1e-6)
    assert torch.equal(vectors[0, 6], module.nothing)


@each
def test_forward_joins_the_vectors(kind):
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    vectors, there = module.apart(parts)
    assert torch.equal(module(parts), module.join(vectors, vectors, there))


@each
@pytest.mark.parametrize("junk", [math.nan, math.inf, -1e30])
def test_join_ignores_absent_slots(kind, junk):
    module, (answers, vectors) = stirred(kind(("a", "b"), WIDTH)), given()
    found = []
    for value in (0.0, junk):
        leaves = [
            part.masked_fill(~THERE.unsqueeze(2), value).requires_grad_()
            for part in (answers, vectors)
        ]
        module.zero_grad()
        out = module.join(*leaves, THERE)
        out.square().sum().backward()
        grads = [leaf.grad for leaf in (*leaves, *module.parameters()) if leaf.grad is not None]
        found.append([out, *grads])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)
        assert one.isfinite().all()
    absent = found[0][1][~THERE]
    assert torch.equal(absent, torch.zeros_like(absent))


@each
def test_answers_are_joined_each_by_itself(kind):
    # Outputs of all tasks lie side by side: those of one task say nothing about another's.
    module, (answers, vectors) = stirred(kind(("a", "b"), WIDTH)), given(5)
    whole = module.join(answers, vectors, THERE)
    assert whole.shape == (3, 5)
    for one in range(5):
        alone = module.join(answers[:, :, one : one + 1], vectors, THERE)
        assert torch.allclose(alone[:, 0], whole[:, one], atol=1e-6)


@each
def test_junk_in_tokens_does_not_reach_the_slots_that_are_there(kind):
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    vectors, there = module.apart(parts)
    spoiled, same = module.apart(changed(parts, math.nan))
    assert torch.equal(there, same)
    assert torch.equal(vectors, spoiled)


def test_late_mean():
    answers, vectors = given()
    out = LateMean(("a", "b"), WIDTH).join(answers, vectors, THERE)
    expected = [(answers[0, 0] + answers[0, 1]) / 2, answers[1, 1], answers[2, 2]]
    assert torch.allclose(out, torch.stack(expected), atol=1e-6)


def test_product_of_experts_is_a_product_of_gaussians():
    module, (answers, vectors) = stirred(ProductOfExperts(("a", "b"), WIDTH)), given(1)
    out = module.join(answers, vectors, THERE)
    line = torch.linspace(-20, 20, 40_001, dtype=torch.float64)
    for row in range(3):
        density = -line.square() / 2  # the prior expert: zero, with a precision of one
        for slot in range(3):
            if THERE[row, slot]:
                score = (vectors[row, slot] * module.weight[slot]).sum() + module.bias[slot]
                precision = softplus(score).double()
                density = density - precision * (line - answers[row, slot].double()).square() / 2
        share = density.softmax(0)
        assert torch.allclose(out[row, 0].double(), (share * line).sum(), atol=1e-4)


def test_product_of_experts_pools_logits():
    # The probabilities to the power of their weights, multiplied and normalized.
    module = ProductOfExperts(("a", "b"), WIDTH)
    answers, vectors = given()
    nn.init.zeros_(module.weight)
    nn.init.constant_(module.bias, math.log(math.e - 1))  # each precision is one
    out = module.join(answers, vectors, THERE)[0].softmax(0)
    power = answers[0].softmax(1).pow(1 / 3)
    expected = power[0] * power[1]
    assert torch.allclose(out, expected / expected.sum(), atol=1e-6)


def test_an_unsure_expert_falls_silent():
    module, (answers, vectors) = ProductOfExperts(("a", "b"), WIDTH), given()
    nn.init.zeros_(module.weight)
    with torch.no_grad():
        module.bias.copy_(torch.tensor([-60.0, 60.0, 0.0]))
    out = module.join(answers, vectors, THERE)
    assert torch.allclose(out[0], answers[0, 1] * 60 / 61, atol=1e-5)
    assert torch.allclose(out[2], answers[2, 2] * math.log(2) / (1 + math.log(2)), atol=1e-5)


def test_a_model_need_not_know_which_one_it_is():
    rows = Masked(torch.randn(2, 1, WIDTH), torch.tensor([[True], [False]]))
    for kind in (LateMean, ProductOfExperts):
        module = stirred(kind(("a",), WIDTH))
        vectors, there = module.apart({"a": rows})
        head = nn.Linear(WIDTH, 4)
        assert module.join(head(vectors), vectors, there).shape == (2, 4)
