"""Fusions over tokens, row by row without a mask: absent tokens are not given at all."""

import pytest
import torch
from torch import nn

from plait.data import Masked
from plait.fusion import Bottleneck, CrossAttention, EarlyTransformer, Perceiver
from plait.fusion._cross import Cross

from .parts import WIDTH, stirred

NAMES = ("a", "b", "c")
MASKS = {
    "a": torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 0], [0, 0, 0]]).bool(),
    "b": torch.tensor([[1, 1], [0, 0], [0, 1], [0, 0]]).bool(),
    "c": torch.tensor([[1], [1], [0], [0]]).bool(),
}
GIVEN = torch.Generator().manual_seed(0)
PARTS = {n: Masked(torch.randn(*m.shape, WIDTH, generator=GIVEN), m) for n, m in MASKS.items()}


def rows():
    """Of each row, by place, the tokens of those inputs that are there."""
    for row in range(4):
        found = {p: PARTS[n].values[row][MASKS[n][row]] for p, n in enumerate(NAMES)}
        yield {p: values for p, values in found.items() if len(values)}


def all_seen(block, states):
    return block(states[None], torch.ones(1, len(states)).bool())[0]


def read_all(block, states, others):
    return block(states[None], others[None], torch.ones(1, len(others)).bool())[0]


def test_early_transformer():
    module = stirred(EarlyTransformer(NAMES, WIDTH))
    expected = []
    for given in rows():
        parts = [values + module.origin[p] for p, values in given.items()]
        states = torch.cat([module.query[None], *parts])
        for block in module.blocks:
            states = all_seen(block, states)
        expected.append(module.norm(states[0]))
    assert torch.allclose(module(PARTS), torch.stack(expected), atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_bottleneck(layers):
    module = stirred(Bottleneck(NAMES, WIDTH, layers=layers, bottlenecks=2))
    expected = []
    for given in rows():
        shared = module.shared
        states = {p: torch.cat([module.firsts[p][None], v]) for p, v in given.items()}
        for layer in range(layers):
            heard = []
            for p, state in states.items():
                after = all_seen(module.blocks[layer * 3 + p], torch.cat([state, shared]))
                states[p] = after[:-2]
                heard.append(after[-2:])
            shared = sum(heard) / len(heard) if heard else shared
        firsts = [module.norm(state[0]) for state in states.values()]
        expected.append(sum(firsts) / len(firsts) if firsts else module.nothing)
    assert torch.allclose(module(PARTS), torch.stack(expected), atol=1e-5)


def test_inputs_hear_each_other_through_the_bottleneck_from_the_second_layer_on():
    moved = {**PARTS, "b": Masked(PARTS["b"].values + torch.randn(4, 2, WIDTH), MASKS["b"])}
    for layers, hears in ((1, False), (2, True)):
        module = stirred(Bottleneck(NAMES, WIDTH, layers=layers))
        only_a = {}

        def keep(_module, _given, out, only_a=only_a):
            only_a["state"] = out[:, 0]

        module.blocks[(layers - 1) * 3].register_forward_hook(keep)
        module(PARTS)
        before = only_a["state"]
        module(moved)
        assert torch.equal(before[0], only_a["state"][0]) is not hears


@pytest.mark.parametrize("layers", [1, 2])
def test_perceiver(layers):
    module = stirred(Perceiver(NAMES, WIDTH, layers=layers, latents=3))
    expected = []
    for given in rows():
        states = module.latents
        parts = [values + module.origin[p] for p, values in given.items()]
        for read, block in zip(module.reads, module.blocks, strict=True):
            if parts:
                states = read_all(read, states, torch.cat(parts))
            else:  # nothing is read, and what a block adds of itself remains
                states = states + read.out.bias
                states = states + read.think(read.think_norm(states))
            states = all_seen(block, states)
        expected.append(module.norm(states.mean(0)))
    assert torch.allclose(module(PARTS), torch.stack(expected), atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_cross_attention(layers):
    module = stirred(CrossAttention(NAMES, WIDTH, layers=layers))
    expected = []
    for given in rows():
        total = torch.zeros(WIDTH)
        for here, values in given.items():
            heard = values
            for other in given:
                if other != here:
                    pair = module.pairs.index((here, other))
                    states = values
                    for layer in range(layers):
                        states = read_all(module.reads[pair * layers + layer], states, given[other])
                    heard = heard + module.mixes[pair](states)
            for layer in range(layers):
                heard = all_seen(module.thinks[here * layers + layer], heard)
            total = total + module.outs[here](heard.mean(0))
        expected.append(total if given else module.nothing)
    assert torch.allclose(module(PARTS), torch.stack(expected), atol=1e-5)


@pytest.mark.parametrize("heads", [1, 2])
def test_cross_against_the_attention_of_torch(heads):
    block = Cross(WIDTH, heads, 0.0).eval()
    states, others, seen = torch.randn(4, 2, WIDTH), PARTS["a"].values, MASKS["a"]
    twin = nn.MultiheadAttention(WIDTH, heads, batch_first=True)
    twin.load_state_dict({
        "in_proj_weight": torch.cat([block.query.weight, block.project.weight]),
        "in_proj_bias": torch.cat([block.query.bias, block.project.bias]),
        "out_proj.weight": block.out.weight,
        "out_proj.bias": block.out.bias,
    })  # fmt: skip
    normed = block.other_norm(others)
    mixed, _ = twin(block.attend_norm(states)[:2], normed[:2], normed[:2], ~seen[:2])
    expected = states[:2] + mixed
    expected = expected + block.think(block.think_norm(expected))
    out = block(states, others, seen)
    assert torch.allclose(out[:2], expected, atol=1e-5)
    silent = states[2] + block.out.bias
    assert torch.allclose(out[2], silent + block.think(block.think_norm(silent)), atol=1e-5)
