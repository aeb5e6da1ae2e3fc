"""FiLM adapters: the shared bottom at the start, and gain and shift written out."""

import torch
from torch import nn
from torch.nn.functional import gelu

from plait.sharing import Bottom, FiLMAdapters

from .by_hand import close

TASKS = ("a", "b")
X = torch.randn(5, 6)
PLACES = {"0": "norm", "1": "enter", "4": "leave"}


def test_it_starts_as_the_shared_bottom():
    module, bottom = FiLMAdapters(TASKS, 6).eval(), Bottom(TASKS, 6).eval()
    state = module.state_dict()
    for key, weight in bottom.state_dict().items():
        head, _, tail = key.partition("blocks.")
        block, place, kind = tail.split(".") if tail else ("", "", "")
        state[f"blocks.{block}.{PLACES[place]}.{kind}" if tail else head] = weight
    module.load_state_dict(state)
    assert close(module(X)["a"], bottom(X)["a"])
    assert torch.equal(module(X)["a"], module(X)["b"])


def test_gain_and_shift():
    module = FiLMAdapters(TASKS, 6).eval()
    for block in module.blocks:
        nn.init.normal_(block.gain)
        nn.init.normal_(block.shift)
    for place, task in enumerate(TASKS):
        states = X
        for block in module.blocks:
            hidden = block.enter(block.norm(states))
            hidden = (1 + block.gain[place]) * hidden + block.shift[place]
            states = states + block.leave(gelu(hidden))
        assert close(module(X)[task], module.norm(states))


def test_a_task_costs_four_numbers_for_each_channel_and_layer():
    def size(tasks):
        return sum(weight.numel() for weight in FiLMAdapters(tasks, 6, layers=3).parameters())

    assert size("abc") - size("ab") == 4 * 6 * 3
