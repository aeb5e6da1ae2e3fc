"""Gradients compared where the heads begin."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.graph import GradientEdge

from ._call import Call
from ._grads import add
from ._graph import Graph
from ._heads import at_edges, beginning, flat
from ._numbers import count, shaped
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
        whole = len(call.losses) == len(call.names)
        edges = beginning(graph, self.tensors, call.names, type(call.balancer).__name__, whole)
        ends = [GradientEdge(node, number) for node, number in edges]
        again = call.ranks.how is not None
        own = [[] if again else graph.own(task) for task in range(len(losses))]
        if self.tensors is not None:
            head = {id(leaf) for leaf in graph.above(edges)}
            own = [[leaf for leaf in some if id(leaf) in head] for some in own]
        parts, private = at_edges(graph, losses, call.seeds, ends, own)
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
        pieces = mixed.split([count(like) for like in likes])
        torch.autograd.backward(
            ends,
            [shaped(piece, like) for piece, like in zip(pieces, likes, strict=True)],
        )
        shares = call.balancer.private(step)
        for task, grads in enumerate(private):
            if shares is not None:
                grads = [grad * shares[task].to(grad) for grad in grads]
            add(own[task], grads)
        return weights, gramian


def _table(parts: Sequence[Sequence[Tensor | None]], call: Call) -> Tensor:
    found = flat(parts)
    if len(found) == len(call.names):
        return found
    wide = found.new_zeros(len(call.names), found.shape[1])
    wide[call.local] = found
    return wide
