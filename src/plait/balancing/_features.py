"""Gradients compared where the heads begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from plait._errors import ConfigError

from ._call import Call
from ._grads import add, retained
from ._graph import Edge, Graph, many
from ._shared import Found, spread


@dataclass(frozen=True)
class Features:
    """Gradients compared where the heads begin, rows of the batch apart: one pass through the rest.

    Args:
        tensors: What all heads begin with; None to find it in the graph.
    """

    tensors: Sequence[Tensor] | None = None

    def __call__(self, call: Call) -> Found:
        """Add the gradient; the weights and the Gramian.

        Raises:
            ConfigError: If heads do not begin there.
        """
        losses = list(call.losses.values())
        graph = Graph.of(losses)
        edges = self._edges(call, graph)
        ends = [GradientEdge(node, number) for node, number in edges]
        again = call.ranks.how is not None
        own = [[] if again else graph.own(task) for task in range(len(losses))]
        if self.tensors is not None:
            head = {id(leaf) for leaf in graph.above(edges)}
            own = [[leaf for leaf in some if id(leaf) in head] for some in own]
        parts, private = [], []
        with retained(graph):
            for task, loss in enumerate(losses):
                seed = call.seeds[task].to(loss.device, loss.dtype).expand_as(loss)
                wanted: Any = [*ends, *own[task]]  # edges and tensors, which torch types apart
                grads = torch.autograd.grad(
                    loss, wanted, seed, retain_graph=True, allow_unused=True
                )
                parts.append(grads[: len(ends)])
                private.append(grads[len(ends) :])
        table = _table(parts, call)
        gramian = (table @ table.T).double()
        if again:
            # Each process has rows of its own: what they give adds up.
            dist.all_reduce(gramian)
            gramian /= call.ranks.size**2
        weights, step = call.solve(gramian, table)
        if again:
            spread(call, weights, graph)
            return weights, gramian
        mixed = call.balancer.direction(step)
        if mixed is None:
            mixed = weights.to(table.device, table.dtype) @ table
        elif call.scale is not None:
            mixed = mixed * call.scale.to(mixed)
        likes = [
            next(grad for grad in some if grad is not None) for some in zip(*parts, strict=True)
        ]
        pieces = mixed.split([like.numel() for like in likes])
        torch.autograd.backward(
            ends,
            [piece.view_as(like).to(like.dtype) for piece, like in zip(pieces, likes, strict=True)],
        )
        shares = call.balancer.private(step)
        for task, grads in enumerate(private):
            if shares is not None:
                grads = [grad * shares[task].to(grad) for grad in grads]
            add(own[task], grads)
        return weights, gramian

    def _edges(self, call: Call, graph: Graph) -> list[Edge]:
        name = type(call.balancer).__name__
        if self.tensors is None:
            found = graph.cut() if len(call.losses) == len(call.names) else None
            if not found:
                raise ConfigError(
                    f"There should be one place where the heads of {list(call.names)} begin, for "
                    f'{name} at="features". The graph has none: some share more than others, a '
                    "head uses something shared once more, or this process lacks a label. "
                    'Name it by `features=`, or take at="shared".'
                )
            return found
        edges = []
        for place, tensor in enumerate(self.tensors):
            if not tensor.requires_grad:
                raise ConfigError(
                    f"`features` should depend on weights that are trained, for {name}. Number "
                    f"{place} has no graph."
                )
            edge = get_gradient_edge(tensor)
            if edge.node not in graph.tasks:
                raise ConfigError(
                    f"`features` should be what the heads begin with, for {name}. Number {place}, "
                    f"of shape {list(tensor.shape)}, is reached by none of {list(call.losses)}."
                )
            edges.append((edge.node, edge.output_nr))
        beside = [leaf for leaf in graph.above(edges) if many(graph.reach[leaf])]
        if beside or graph.nested(edges):
            shapes = [list(leaf.shape) for leaf in beside[:3]]
            raise ConfigError(
                f"All that is shared should lie behind `features`, for {name}. "
                + (f"Weights of the shapes {shapes} are reached" if beside else "One is reached")
                + ' past them. Name all that the heads begin with, or take at="shared".'
            )
        return edges


def _table(parts: Sequence[Sequence[Tensor | None]], call: Call) -> Tensor:
    likes = [
        next((grad for grad in some if grad is not None), None) for some in zip(*parts, strict=True)
    ]
    rows = [
        torch.cat(
            [
                (like.new_zeros(like.shape) if grad is None else grad).reshape(-1)
                for grad, like in zip(some, likes, strict=True)
                if like is not None
            ]
        )
        for some in parts
    ]
    found = torch.stack(rows)
    found = found if found.dtype in (torch.float32, torch.float64) else found.float()
    if len(found) == len(call.names):
        return found
    wide = found.new_zeros(len(call.names), found.shape[1])
    wide[call.local] = found
    return wide
