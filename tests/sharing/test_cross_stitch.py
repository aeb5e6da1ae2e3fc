"""Cross-stitch units: products of matrices, and where they start."""

import pytest
import torch

from plait.sharing import CrossStitch

from .by_hand import close, expert

TASKS = ("a", "b", "c")
X = torch.randn(5, 6)


@pytest.mark.parametrize("channels", [False, True])
def test_formula(channels):
    module = CrossStitch(TASKS, 6, layers=2, channels=channels).eval()
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    towers = [X, X, X]
    for layer in range(2):
        block = torch.nn.Module()
        block.blocks = [module.towers.blocks[layer]]
        towers = [expert(block, place, states) for place, states in enumerate(towers)]
        mixed = []
        for i in range(3):
            total = torch.zeros(5, 6)
            for channel in range(6):
                unit = module.units[layer].view(-1, 3, 3)[channel if channels else 0]
                for j in range(3):
                    total[:, channel] += unit[i, j] * towers[j][:, channel]
            mixed.append(total)
        towers = mixed
    found = module(X)
    for task, states in zip(TASKS, towers, strict=True):
        assert close(found[task], module.norm(states))


def test_units_start_as_in_the_paper():
    for unit in CrossStitch(TASKS[:2], 6).units:
        assert torch.allclose(unit.view(2, 2), torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    (unit,) = CrossStitch(TASKS, 6, layers=1, same=0.5).units
    assert unit.view(3, 3).tolist() == [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]
    (unit,) = CrossStitch(TASKS[:1], 6, layers=1, channels=True).units
    assert unit.tolist() == [1.0] * 6


def test_towers_start_as_one_and_go_apart():
    module = CrossStitch(TASKS, 6, dropout=0.0)
    first = module(X)
    assert close(first["a"], first["b"])
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    (first["a"].square() * torch.arange(6)).sum().backward()
    optimizer.step()
    assert not torch.allclose(module(X)["a"], module(X)["b"])


def test_who_keeps_all_of_his_own_hears_nothing_of_the_others():
    module = CrossStitch(TASKS, 6, same=1.0).eval()
    before = module(X)
    module.towers.blocks[0].leave.data[1] += torch.randn(12, 6)
    assert torch.equal(module(X)["a"], before["a"])
    assert not torch.allclose(module(X)["b"], before["b"])
    usual = CrossStitch(TASKS, 6).eval()
    before = usual(X)
    usual.towers.blocks[0].leave.data[1] += torch.randn(12, 6)
    assert not torch.allclose(usual(X)["a"], before["a"])
