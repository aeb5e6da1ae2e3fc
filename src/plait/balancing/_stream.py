"""The Gramian, piece by piece of the network."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from ._grads import retained
from ._graph import Edge, Graph, many
from ._numbers import line

Piece = tuple[list[Edge], list[Tensor]]
"""Where the next piece begins, and the shared leaves of this one."""


def streamed(
    graph: Graph, losses: Sequence[Tensor], seeds: Sequence[Tensor]
) -> Float[Tensor, "tasks tasks"]:
    """The inner products of the gradients of what is shared, without keeping all of them.

    The network is cut where a single node carries all that is behind it, such as between two
    blocks. Of each piece only the gradients of its weights, and those at the cuts, are kept.

    Args:
        graph: The graph of the losses.
        losses: The losses.
        seeds: What each is multiplied by.
    """
    found = torch.zeros(len(losses), len(losses), dtype=torch.float64, device=losses[0].device)
    begin: list[GradientEdge] = []
    heads: list[Sequence[Tensor | None]] = []
    with retained(graph):
        for number, (edges, leaves) in enumerate(pieces(graph)):
            end = [GradientEdge(node, output) for node, output in edges]
            behind, parts = [], []
            for task, loss in enumerate(losses):
                if number:
                    outputs, given = _there(begin, heads[task])
                else:
                    outputs, given = [loss], [seeds[task].to(loss).expand_as(loss)]
                grads: Sequence[Tensor | None] = [None] * (len(end) + len(leaves))
                if outputs:
                    wanted: Any = [*end, *leaves]  # edges and tensors, which torch types apart
                    grads = torch.autograd.grad(
                        outputs, wanted, given, retain_graph=True, allow_unused=True
                    )
                behind.append(grads[: len(end)])
                parts.append(grads[len(end) :])
            for place in range(len(leaves)):
                _add(found, [part[place] for part in parts])
            begin, heads = end, behind
    return found


def _there(
    edges: Sequence[GradientEdge], grads: Sequence[Tensor | None]
) -> tuple[list[GradientEdge], list[Tensor]]:
    pairs = [(edge, grad) for edge, grad in zip(edges, grads, strict=True) if grad is not None]
    return [edge for edge, _ in pairs], [grad for _, grad in pairs]


def _add(found: Tensor, grads: Sequence[Tensor | None]) -> None:
    some = [place for place, grad in enumerate(grads) if grad is not None]
    flat = [line(grad) for grad in grads if grad is not None]
    if flat:
        rows = torch.stack(flat)
        rows = rows if rows.dtype == torch.float64 else rows.float()
        places = torch.tensor(some, device=rows.device)
        found[places[:, None], places] += (rows @ rows.T).double()


def pieces(graph: Graph) -> list[Piece]:
    """Cut what is shared into as many pieces as there can be; the first begins at the losses.

    Nodes are looked at in the order of backward. Where one alone is still to be reached, all
    that is shared lies behind it: a cut, if no weight is used on both of its sides.
    """
    shared = {node for node, tasks in graph.tasks.items() if many(tasks)}
    stems = _stems(graph)
    inner = [node for node in graph.nodes if node in shared and node not in stems]
    last = {
        stems[child]: place
        for place, node in enumerate(inner)
        for child, _ in graph.next(node)
        if child in stems
    }
    found: list[Piece] = []
    opened: set[Edge] = set()
    leaves: dict[Node, Tensor] = {}
    used = -1

    def reach(edges: Sequence[Edge]) -> None:
        nonlocal used
        for child, output in edges:
            if child not in shared:
                continue
            if child in stems:
                leaf = stems[child]
                leaves[leaf] = graph.leaves[leaf]
                used = max(used, last.get(leaf, -1))
            else:
                opened.add((child, output))

    reach(graph.roots)
    for node in graph.nodes:
        if node not in shared:
            reach(graph.next(node))
    for place, node in enumerate(inner):
        here = sorted((edge for edge in opened if edge[0] is node), key=lambda edge: edge[1])
        if len(here) == len(opened) and leaves and place > used:
            found.append((here, list(leaves.values())))
            leaves = {}
        opened.difference_update(here)
        reach(graph.next(node))
    return [*found, ([], list(leaves.values()))]


def _stems(graph: Graph) -> dict[Node, Node]:
    """The leaf behind each node that leads to one leaf and nothing else, such as a transpose."""
    found = {leaf: leaf for leaf in graph.leaves}
    for node in reversed(graph.nodes):
        children = graph.next(node)
        if len(children) == 1 and children[0][0] in found:
            found[node] = found[children[0][0]]
    return found
