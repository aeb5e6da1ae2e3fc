"""Gradients compared where the heads begin, if they begin in one place."""

from dataclasses import dataclass

import torch
import torch.distributed as dist

from ._call import Call
from ._features import Features
from ._graph import Graph
from ._shared import Found, Shared


@dataclass(frozen=True)
class Either:
    """Gradients compared where the heads begin; if that is no one place, at all shared weights."""

    def __call__(self, call: Call) -> Found:
        """Add the gradient; the weights and the Gramian.

        Raises:
            ConfigError: If nothing is shared.
        """
        graph = Graph.of(list(call.losses.values()))
        clean = len(call.losses) == len(call.names) and bool(graph.cut)
        if call.ranks.how:
            if len(call.losses) == len(call.balancer.tasks):
                # What is shared, for a later step in which a label is lacking here.
                call.balancer.work.shared = graph.shared
            # One process that lacks a label decides for all.
            flag = torch.tensor(int(clean), device=call.step.losses.device)
            dist.all_reduce(flag, dist.ReduceOp.MIN)
            clean = bool(flag)
        return Features()(call) if clean else Shared()(call)
