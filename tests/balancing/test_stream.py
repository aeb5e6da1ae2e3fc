"""The Gramian, piece by piece."""

import pytest
import torch
from torch import nn

from plait.balancing import UPGrad, backward
from plait.balancing._graph import Graph
from plait.balancing._stream import pieces


class Residual(nn.Module):
    def __init__(self, width) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.Tanh())

    def forward(self, x):
        return x + self.inner(x)


def chain():
    return nn.Sequential(*(part for _ in range(4) for part in (nn.Linear(6, 6), nn.Tanh())))


def residual():
    return nn.Sequential(*(Residual(6) for _ in range(4)))


def tied():
    """The first layer is the last one again: no cut may part them."""
    first = nn.Linear(6, 6)
    return nn.Sequential(nn.Linear(6, 6), first, nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), first)


def transformer():
    layer = nn.TransformerEncoderLayer(6, 2, 12, 0.0, batch_first=True)
    return nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)


class Skips(nn.Module):
    """Every layer is an output: nothing lies behind a single node but the first one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(4))

    def forward(self, x):
        total = 0.0
        for layer in self.layers:
            x = layer(x).tanh()
            total = total + x
        return total


KINDS = {"chain": (chain, 4), "residual": (residual, 4), "tied": (tied, 2),
         "transformer": (transformer, 3), "skips": (Skips, 1)}  # fmt: skip


def losses(trunk, heads, tasks, x):
    features = trunk(x)
    return {
        name: (head(features).square().mean() + 10**place * features[..., place].mean())
        for place, (name, head) in enumerate(zip(tasks, heads, strict=True))
    }


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("tasks", [("a", "b"), ("a", "b", "c", "d")])
def test_it_is_that_of_all_at_once(name, tasks):
    torch.manual_seed(0)
    trunk = KINDS[name][0]().double()
    heads = [nn.Linear(6, 1).double() for _ in tasks]
    x = torch.randn(3, 4, 6, dtype=torch.float64)
    whole, streamed = UPGrad(tasks), UPGrad(tasks)
    backward(losses(trunk, heads, tasks, x), whole)
    grads = [weight.grad.clone() for weight in trunk.parameters()]
    trunk.zero_grad()
    backward(losses(trunk, heads, tasks, x), streamed, stream=True)
    assert torch.allclose(whole.last.gramian, streamed.last.gramian, rtol=1e-10)
    for weight, grad in zip(trunk.parameters(), grads, strict=True):
        assert torch.allclose(weight.grad, grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_it_comes_in_pieces(name):
    """A cut at least between all blocks; where all is connected, none is made up."""
    made, blocks = KINDS[name]
    trunk = made()
    heads = [nn.Linear(6, 1) for _ in range(2)]
    graph = Graph.of(list(losses(trunk, heads, ("a", "b"), torch.randn(2, 3, 6)).values()))
    found = pieces(graph)
    shared = {id(leaf) for leaf in graph.shared}
    leaves = [id(leaf) for _, some in found for leaf in some]
    assert sorted(leaves) == sorted(shared)
    most = max(sum(leaf.numel() for leaf in some) for _, some in found)
    total = sum(leaf.numel() for leaf in graph.shared)
    assert most <= total / blocks * 1.5 + 50
    assert len(found) >= blocks
