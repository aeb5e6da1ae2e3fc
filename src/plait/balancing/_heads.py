"""Where heads begin, and the gradients there."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from plait._errors import ConfigError

from ._grads import retained
from ._graph import Edge, Graph, many, through
from ._tables import Tables


def beginning(
    graph: Graph,
    tensors: Sequence[Tensor] | None,
    names: Sequence[str],
    owner: str,
    whole: bool = True,
) -> list[Edge]:
    """Where all heads begin.

    Args:
        graph: The graph of the losses.
        tensors: What the heads begin with, where that was said; None to find it.
        names: The tasks.
        owner: Who asks.
        whole: Whether this process has the losses of all of them.

    Raises:
        ConfigError: If heads do not begin there, or not in one place.
    """
    if tensors is None:
        found = graph.cut if whole else None
        if not found:
            raise ConfigError(
                f"There should be one place where the heads of {list(names)} begin, for "
                f'{owner} at="features". The graph has none: some share more than others, a '
                "head uses something shared once more, or this process lacks a label. "
                'Name it by `features=`, or take at="shared".'
            )
        return found
    edges = []
    for place, tensor in enumerate(tensors):
        if not tensor.requires_grad:
            raise ConfigError(
                f"`features` should depend on weights that are trained, for {owner}. Number "
                f"{place} has no graph."
            )
        edge = get_gradient_edge(tensor)
        node, number = through((edge.node, edge.output_nr))
        if node not in graph.tasks:
            raise ConfigError(
                f"`features` should be what the heads begin with, for {owner}. Number {place}, "
                f"of shape {list(tensor.shape)}, is reached by none of {list(names)}."
            )
        edges.append((node, number))
    beside = [leaf for leaf in graph.above(edges) if many(graph.reach[leaf])]
    if beside or graph.nested(edges):
        shapes = [list(leaf.shape) for leaf in beside[:3]]
        raise ConfigError(
            f"All that is shared should lie behind `features`, for {owner}. "
            + (f"Weights of the shapes {shapes} are reached" if beside else "One is reached")
            + ' past them. Name all that the heads begin with, or take at="shared".'
        )
    return edges


def at_edges(
    graph: Graph,
    losses: Sequence[Tensor],
    seeds: Sequence[Tensor],
    edges: Sequence[Edge],
    own: Sequence[Sequence[Tensor]],
    tables: Tables,
) -> list[Sequence[Tensor]]:
    """The gradients of each loss where heads begin, and of its own weights; the graph stays.

    Args:
        graph: The graph of the losses.
        losses: The losses.
        seeds: What each is multiplied by.
        edges: Where heads begin.
        own: The weights of each head.
        tables: Where the former go.

    Returns:
        The latter.
    """
    begun = [
        seed.to(loss.device, loss.dtype).expand_as(loss)
        for seed, loss in zip(seeds, losses, strict=True)
    ]
    with retained(graph):
        # Heads that meet nowhere before the edges can run together.
        apart = graph.cut is not None and set(graph.cut) == set(edges)
        return (_together if apart else _in_turn)(graph, losses, begun, edges, own, tables)


def _in_turn(
    graph: Graph,
    losses: Sequence[Tensor],
    begun: Sequence[Tensor],
    edges: Sequence[Edge],
    own: Sequence[Sequence[Tensor]],
    tables: Tables,
) -> list[Sequence[Tensor]]:
    """A backward pass for each head."""
    private = []
    ends = [GradientEdge(node, number) for node, number in edges]
    for task, loss in enumerate(losses):
        wanted: Any = [*ends, *own[task]]  # edges and tensors, which torch types apart
        grads = torch.autograd.grad(loss, wanted, begun[task], retain_graph=True, allow_unused=True)
        for edge, grad in enumerate(grads[: len(ends)]):
            if grad is not None:
                tables.take(task, edge, grad)
        private.append(grads[len(ends) :])
    return private


def _together(
    graph: Graph,
    losses: Sequence[Tensor],
    begun: Sequence[Tensor],
    edges: Sequence[Edge],
    own: Sequence[Sequence[Tensor]],
    tables: Tables,
) -> list[Sequence[Tensor]]:
    """One backward pass of all heads: what each hands on is seen where it does."""
    columns = {edge: column for column, edge in enumerate(edges)}
    gates: dict[Node, tuple[int, list[tuple[int, int]]]] = {}
    for node, number, task in graph.gates:
        edge = graph.children[node][number]
        assert edge is not None, "a gate leads somewhere"
        gates.setdefault(node, (task, []))[1].append((number, columns[edge]))
    for task, edge in enumerate(graph.roots):
        if edge in columns:
            tables.take(task, columns[edge], begun[task])

    def seen_by(task: int, some: Sequence[tuple[int, int]]) -> Callable[[tuple, tuple], None]:
        def seen(inputs: tuple, outputs: tuple) -> None:
            for number, column in some:
                if inputs[number] is not None:
                    tables.take(task, column, inputs[number])

        return seen

    handles = [node.register_hook(seen_by(*some)) for node, some in gates.items()]
    wanted: Any = [GradientEdge(node, number) for node, number in edges]
    wanted += [leaf for some in own for leaf in some]
    try:
        grads = torch.autograd.grad(losses, wanted, begun, retain_graph=True, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    leaves = iter(grads[len(edges) :])
    return [[next(leaves) for _ in some] for some in own]
