"""LoRA adapters: shared at the start, and the low-rank detour written out."""

import torch
from torch import nn
from torch.nn.functional import gelu

from plait.sharing import LoRAAdapters

from .by_hand import close

TASKS = ("a", "b")
X = torch.randn(5, 6)


def test_it_starts_shared_and_the_shared_part_is_a_plain_network():
    module = LoRAAdapters(TASKS, 6).eval()
    states = X
    for block in module.blocks:
        hidden = gelu(block.enter.shared(block.norm(states)))
        states = states + block.leave.shared(hidden)
    assert close(module(X)["a"], module.norm(states))
    assert torch.equal(module(X)["a"], module(X)["b"])


def test_the_detour():
    module = LoRAAdapters(TASKS, 6, rank=3, alpha=6.0).eval()
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    for place, task in enumerate(TASKS):

        def layer(part, values, place=place):
            weight = part.shared.weight + 6.0 / 3 * (part.down[place] @ part.up[place]).T
            return values @ weight.T + part.shared.bias

        states = X
        for block in module.blocks:
            hidden = gelu(layer(block.enter, block.norm(states)))
            states = states + layer(block.leave, hidden)
        assert close(module(X)[task], module.norm(states))


def test_rank_is_rank_and_alpha_is_a_factor():
    part = LoRAAdapters(TASKS, 16, rank=2).blocks[0].enter
    nn.init.normal_(part.up)
    assert torch.linalg.matrix_rank(part.down[0] @ part.up[0]) == 2
    x = torch.randn(5, 6)
    one, two = (LoRAAdapters(TASKS, 6, rank=2, alpha=alpha).blocks[0].enter for alpha in (2.0, 6.0))
    two.load_state_dict(one.state_dict())
    for layer in (one, two):
        nn.init.ones_(layer.up)
    assert close(two(x) - two.shared(x), 3 * (one(x) - one.shared(x)))
