"""Gradients where heads begin: one pass of all heads gives what a pass for each does."""

import pytest
import torch
from torch import nn

from plait.balancing import UPGrad, backward
from plait.balancing._graph import Graph
from plait.balancing._heads import _in_turn, _together, beginning
from plait.balancing._tables import Tables


def room(place: int, numbers: int, like: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    return torch.full((3, numbers), torch.nan, dtype=kind)  # what is not written must not be seen


def of(way, losses):
    graph = Graph.of(losses)
    edges = beginning(graph, None, ["a", "b", "c"], "a test")
    own = [graph.own(task) for task in range(3)]
    tables = Tables([0, 1, 2], room)
    private = way(graph, losses, [torch.ones((), dtype=torch.float64)] * 3, edges, own, tables)
    tables.done()
    return tables, private


def losses_of_one_place() -> list[torch.Tensor]:
    """A head uses the features twice, another once, and the last is the features' own mean."""
    torch.manual_seed(0)
    x = torch.randn(5, 4, dtype=torch.float64)
    trunk, one, two = (nn.Linear(4, 4).double() for _ in range(3))
    seen = trunk(x).tanh()
    return [one(seen).square().mean() + one(seen.exp()).mean(), two(seen).mean(), seen.mean()]


def test_one_pass_of_all_heads_is_one_for_each():
    joint, mine = of(_together, losses_of_one_place())
    turns, theirs = of(_in_turn, losses_of_one_place())
    torch.testing.assert_close(joint.rows, turns.rows, rtol=0, atol=1e-12)
    torch.testing.assert_close(joint.gramian, joint.rows @ joint.rows.T, rtol=0, atol=1e-12)
    for some, others in zip(mine, theirs, strict=True):
        torch.testing.assert_close(list(some), list(others), rtol=0, atol=1e-12)


def test_two_places_give_the_gramian_of_both_side_by_side():
    torch.manual_seed(0)
    w = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)
    x = torch.randn(6, 4, dtype=torch.float64)

    def losses():
        left, right = (x @ w).tanh(), (x @ w).exp()
        return [left.square().mean() + right.mean(), left[:, 0].mean() * 3 + right[:, 1].mean(),
                right.square().mean() - left.mean()]  # fmt: skip

    joint, _ = of(_together, losses())
    turns, _ = of(_in_turn, losses())
    assert len(joint.found) == 2
    torch.testing.assert_close(joint.rows, turns.rows, rtol=0, atol=1e-12)
    torch.testing.assert_close(joint.gramian, turns.rows @ turns.rows.T, rtol=0, atol=1e-12)
    pieces = joint.mixed(torch.tensor([1.0, 2.0, 0.5]))
    flat = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64) @ turns.rows
    torch.testing.assert_close(torch.cat([each.reshape(-1) for each in pieces]), flat)
    torch.testing.assert_close(joint.cut(flat), pieces)


def test_a_task_that_does_not_reach_a_place_has_zeros_there():
    tables = Tables([2, 0], room)
    tables.take(0, 0, torch.ones(2))
    tables.take(0, 0, torch.ones(2))
    tables.take(1, 1, torch.full((1, 3), 5.0))
    assert tables.done() == [0, 1]
    assert tables.rows.tolist() == [[0, 0, 5, 5, 5], [0, 0, 0, 0, 0], [2, 2, 0, 0, 0]]


def test_gradients_that_are_added_are_those_of_shared_weights():
    def made():
        torch.manual_seed(1)
        return nn.Linear(4, 3).double(), [nn.Linear(3, 1).double() for _ in range(3)]

    x = torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    trunk, own = made()
    losses = {str(k): (head(trunk(x).tanh()) - k).square().mean() for k, head in enumerate(own)}
    with pytest.raises(ValueError, match="one place"):  # each loss ran the trunk by itself
        backward(losses, UPGrad(["0", "1", "2"]), at="features")
    features = trunk(x).tanh()
    losses = {str(k): (head(features) - k).square().mean() for k, head in enumerate(own)}
    given = backward(losses, UPGrad(["0", "1", "2"]), at="features")
    plain, others = made()
    features = plain(x).tanh()
    sum(
        given[str(k)] * (head(features) - k).square().mean() for k, head in enumerate(others)
    ).backward()
    torch.testing.assert_close(trunk.weight.grad, plain.weight.grad)
    for mine, theirs, weight in zip(own, others, given.values(), strict=True):
        torch.testing.assert_close(mine.weight.grad * weight, theirs.weight.grad)
