"""Where heads begin, and the gradients there."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from plait._errors import ConfigError

from ._grads import retained
from ._graph import Edge, Graph, many, through
from ._numbers import line


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
        found = graph.cut() if whole else None
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
    ends: Sequence[GradientEdge],
    own: Sequence[Sequence[Tensor]],
) -> tuple[list[Sequence[Tensor | None]], list[Sequence[Tensor]]]:
    """The gradients of each loss where heads begin, and of its own weights; the graph stays.

    Args:
        graph: The graph of the losses.
        losses: The losses.
        seeds: What each is multiplied by.
        ends: Where heads begin.
        own: The weights of each head.
    """
    parts, private = [], []
    with retained(graph):
        for task, loss in enumerate(losses):
            seed = seeds[task].to(loss.device, loss.dtype).expand_as(loss)
            wanted: Any = [*ends, *own[task]]  # edges and tensors, which torch types apart
            grads = torch.autograd.grad(loss, wanted, seed, retain_graph=True, allow_unused=True)
            parts.append(grads[: len(ends)])
            private.append(grads[len(ends) :])
    return parts, private


def flat(parts: Sequence[Sequence[Tensor | None]]) -> Float[Tensor, "tasks numbers"]:
    """The gradients of each loss as one row; where it does not reach, zeros."""
    likes = [
        next((grad for grad in some if grad is not None), None) for some in zip(*parts, strict=True)
    ]
    rows = [
        torch.cat(
            [
                line(like.new_zeros(like.shape) if grad is None else grad)
                for grad, like in zip(some, likes, strict=True)
                if like is not None
            ]
        )
        for some in parts
    ]
    found = torch.stack(rows)
    return found if found.dtype in (torch.float32, torch.float64) else found.float()
