"""What is read from autograd's graph."""

import pytest
import torch
from torch import nn

from plait.balancing._graph import Graph, many


def names(module, leaves):
    known = {id(weight): name for name, weight in module.named_parameters()}
    return {known[id(leaf)] for leaf in leaves}


class Shapes(nn.Module):
    """A trunk, two heads, an embedding that one head uses again, and a weight for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.lost = nn.Linear(3, 4), nn.Linear(3, 4)
        self.a, self.b = nn.Linear(4, 1), nn.Linear(4, 1)
        self.x = torch.randn(5, 3)


def test_shared_and_own():
    net = Shapes()
    features = net.trunk(net.x).tanh()
    graph = Graph.of([net.a(features).mean(), net.b(features).mean()])
    assert names(net, graph.shared) == {"trunk.weight", "trunk.bias"}
    assert names(net, graph.own(0)) == {"a.weight", "a.bias"}
    assert names(net, graph.own(1)) == {"b.weight", "b.bias"}


def test_nodes_stand_in_the_order_of_backward():
    net = Shapes()
    features = net.trunk(net.x).tanh()
    graph = Graph.of([net.a(features).mean(), (net.b(features) * features).mean()])
    place = {node: number for number, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        for child, _ in graph.next(node):
            assert child in graph.leaves or place[child] > place[node]


def test_gates_are_where_heads_begin():
    net = Shapes()
    features = net.trunk(net.x).tanh()
    graph = Graph.of([net.a(features).mean(), net.b(features).mean()])
    assert sorted(task for _, _, task in graph.gates) == [0, 1]
    ((node, number),) = graph.cut
    assert (node, number) == (features.grad_fn, 0)


def test_losses_that_are_made_of_the_same():
    """The loss itself is shared: there is no head at all."""
    net = Shapes()
    both = net.a(net.trunk(net.x)).mean(0).expand(2)
    one, other = both.unbind()
    graph = Graph.of([one, other])
    assert graph.gates == []
    assert names(net, graph.shared) == {"trunk.weight", "trunk.bias", "a.weight", "a.bias"}
    assert len(graph.cut) == 2


@pytest.mark.parametrize(
    "why", ["a weight of the trunk in a head", "features of two depths", "three tasks, two share"]
)
def test_where_there_is_no_cut(why):
    net = Shapes()
    hidden = net.trunk(net.x)
    features = hidden.tanh()
    losses = [net.a(features).mean(), net.b(features).mean()]
    if why == "a weight of the trunk in a head":
        losses[0] = losses[0] + net.trunk.weight.square().sum()
    elif why == "features of two depths":
        losses[0] = losses[0] + hidden.mean()
    else:
        losses = [net.a(features).mean(), net.b(features).mean() + net.a(features).mean(),
                  net.lost(net.x).mean() + features.mean()]  # fmt: skip
    assert Graph.of(losses).cut is None


def test_what_lies_above_and_behind():
    net = Shapes()
    hidden = net.trunk(net.x)
    features = hidden.tanh()
    graph = Graph.of([net.a(features).mean(), net.b(features).mean()])
    edge = (features.grad_fn, 0)
    assert names(net, graph.above([edge])) == {"a.weight", "a.bias", "b.weight", "b.bias"}
    assert not graph.nested([edge])
    assert graph.nested([edge, (hidden.grad_fn, 0)])


def test_sets():
    assert [many(tasks) for tasks in (0, 1, 2, 3, 4, 6, 8)] == [False, False, False, True,
                                                               False, True, False]  # fmt: skip
