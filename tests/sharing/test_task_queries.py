"""Task queries against attention written out, and against that of torch."""

import pytest
import torch
from torch import nn

from plait.data import Masked
from plait.sharing import TaskQueries

from .by_hand import close

TASKS = ("a", "b")
X, VALUES = torch.randn(3, 8), torch.randn(3, 2, 8)
MASK = torch.tensor([[True, True], [False, True], [False, False]])


def test_one_head_written_out():
    module = TaskQueries(TASKS, 8, heads=1).eval()
    nn.init.normal_(module.queries)
    (block,) = module.blocks
    found = module(X, Masked(VALUES, MASK))
    for place, task in enumerate(TASKS):
        for row in range(3):
            seen = [X[row] + module.origin, *VALUES[row][MASK[row]]]
            seen = block.seen_norm(torch.stack(seen))
            state = module.queries[place]
            query = block.ask(block.ask_norm(state))
            keys, values = block.show(seen).split(8, 1)
            shares = (keys @ query / 8**0.5).softmax(0)
            state = state + block.out(shares @ values)
            state = state + block.think(state)
            assert close(found[task][row], module.norm(X[row] + state))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_heads_as_those_of_torch(heads):
    module = TaskQueries(TASKS, 8, heads=heads).eval()
    nn.init.normal_(module.queries)
    (block,) = module.blocks
    twin = nn.MultiheadAttention(8, heads, batch_first=True)
    twin.load_state_dict({
        "in_proj_weight": torch.cat([block.ask.weight, block.show.weight]),
        "in_proj_bias": torch.cat([block.ask.bias, block.show.bias]),
        "out_proj.weight": block.out.weight, "out_proj.bias": block.out.bias,
    })  # fmt: skip
    seen = block.seen_norm(torch.cat([(X + module.origin).unsqueeze(1), VALUES], 1))
    hidden = torch.cat([torch.zeros(3, 1).bool(), ~MASK], 1)
    states = module.queries.expand(3, -1, -1)
    asked = block.ask_norm(states)
    states = states + twin(asked, seen, seen, key_padding_mask=hidden, need_weights=False)[0]
    states = states + block.think(states)
    found = module(X, Masked(VALUES, MASK))
    expected = module.norm(X.unsqueeze(1) + states)
    assert close(torch.stack([found["a"], found["b"]], 1), expected)


def test_each_task_finds_its_own_token():
    torch.manual_seed(0)
    module = TaskQueries(TASKS, 8, dropout=0.0)
    head = nn.Linear(8, 1)
    values = torch.randn(256, 2, 8)
    values[..., 0], values[..., 1] = torch.tensor([3.0, -3.0]), torch.tensor([-3.0, 3.0])
    tokens = Masked(values, torch.ones(256, 2).bool())
    wanted = values[..., 2]  # task a reads the first token, and task b the second
    optimizer = torch.optim.Adam([*module.parameters(), *head.parameters()], lr=0.01)
    for _ in range(200):
        out = module(torch.zeros(256, 8), tokens)
        errors = torch.stack([
            (head(out[task])[:, 0] - wanted[:, place]).square().mean()
            for place, task in enumerate(TASKS)
        ])  # fmt: skip
        optimizer.zero_grad()
        errors.sum().backward()
        optimizer.step()
    assert errors.max() < 0.2


@pytest.mark.parametrize(("width", "heads"), [(30, 4), (8, 0), (8, -2)])
def test_a_width_that_heads_do_not_divide_is_refused(width, heads):
    with pytest.raises(ValueError, match=f"Got width={width} and heads={heads}"):
        TaskQueries(TASKS, width, heads=heads)
