"""Gradients compared where the heads begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.graph import GradientEdge

from ._call import Call
from ._grads import add
from ._graph import Graph
from ._heads import at_edges, beginning
from ._shared import Found, spread
from ._tables import Tables


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
        again = call.ranks.how is not None
        own = [[] if again else graph.own(task) for task in range(len(losses))]
        if self.tensors is not None:
            head = {id(leaf) for leaf in graph.above(edges)}
            own = [[leaf for leaf in some if id(leaf) in head] for some in own]
        tables = Tables(call.local, partial(call.balancer.work.room, len(call.names)))
        private = at_edges(graph, losses, call.seeds, edges, own, tables)
        reached = tables.done()
        gramian = tables.gramian
        if again:
            # Each process has rows of its own: what they give adds up.
            dist.all_reduce(gramian)
            gramian /= call.ranks.size**2
        weights, step = call.solve(
            gramian, tables.rows if call.balancer.needs == "jacobian" else None
        )
        if again:
            spread(call, weights, graph)
            return weights, gramian
        mixed = call.balancer.direction(step)
        if mixed is None:
            grads = tables.mixed(weights)
        else:
            grads = tables.cut(mixed if call.scale is None else mixed * call.scale.to(mixed))
        torch.autograd.backward([GradientEdge(*edges[edge]) for edge in reached], grads)
        shares = call.balancer.private(step)
        for task, grads in enumerate(private):
            if shares is not None:
                grads = [grad * shares[task].to(grad) for grad in grads]
            add(own[task], grads)
        return weights, gramian
