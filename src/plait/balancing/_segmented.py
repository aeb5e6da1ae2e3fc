"""Gradients of all losses from one backward pass, where each row has the label of one task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import CheckpointError

from ._batch_rows import BatchRows
from ._call import Call
from ._graph import Graph, many
from ._proof import Proof
from ._segment_proof import layouts, mixed, prove
from ._segment_table import SegmentTable
from ._segments import Segments
from ._shared import Found, Shared, apart, directed

KEPT = 64


@dataclass(frozen=True)
class Segmented:
    """Gradients compared at the weights that tasks share, rows of the batch apart: one pass.

    The gradient of a weight is a sum over rows. Where one loss alone is about each row, and rows
    do not mix, the sum over its rows is its gradient, and one backward pass of all losses holds
    every term. Each new structure of a graph is compared once with a pass for each loss.

    Args:
        rows: Which rows of the batch each loss is about.
    """

    rows: Mapping[str, Tensor]

    def __call__(self, call: Call) -> Found:
        """Add the gradient; the weights and the Gramian.

        Raises:
            ConfigError: If nothing is shared, two losses are about one row, or a loss depends on
                rows that are not its own.
        """
        losses = list(call.losses.values())
        rows = BatchRows.of(self.rows, list(call.losses), losses[0].device)
        graph = Graph.of(losses)
        shared = Shared()
        targets = shared.targets(call, graph)
        work = call.balancer.work
        segments = Segments.of(graph, rows, targets)
        if isinstance(segments, str):
            work.fallback = segments
            return shared(call)
        own: list[list[Tensor]] = [[] for _ in losses]
        for leaf, tasks in graph.reach.items():
            if not many(tasks):
                own[tasks.bit_length() - 1].append(leaf)
        with torch.autocast(losses[0].device.type, enabled=False):
            known = work.proofs.get(segments.key)
            if known is None or not known.covers(segments.spots, rows.ids):
                return self._proved(call, segments, targets, own)
            segments.strides.update(known.strides)
            try:
                return self._read(call, segments, targets, own, known.late)
            except CheckpointError:
                work.proofs.clear()  # it is new that parts are computed once more
                raise

    def _read(
        self,
        call: Call,
        segments: Segments,
        targets: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
        late: bool,
    ) -> Found:
        """What is proved: one pass."""
        losses, rule = list(call.losses.values()), call.balancer
        whole = rule.needs == "jacobian"
        ghosts = set() if whole else segments.ghosts()
        kept = [leaf for leaf in targets if id(leaf) not in ghosts]
        table = SegmentTable(rule.work, len(losses), kept, targets[0], whole)
        private, outside = segments.run(losses, call.seeds, own, table, ghosts, late=late)
        gramian = table.gramian()
        if outside and bool(torch.stack(outside).any()) and bool(gramian.isfinite().all()):
            raise mixed(type(rule).__name__)
        return self._settled(call, table, gramian, own, private)

    def _proved(
        self,
        call: Call,
        segments: Segments,
        targets: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Found:
        """What is new: read from one pass, and compared with a pass for each loss."""
        losses, work = list(call.losses.values()), call.balancer.work
        work.fallback = layouts(segments, losses, type(call.balancer).__name__)
        if work.fallback:
            return Shared()(call)
        whole = call.balancer.needs == "jacobian"
        table = SegmentTable(work, len(losses), targets, targets[0], whole)
        late = False
        try:
            segments.run(losses, call.seeds, own, table, set(), keep=True)
        except CheckpointError:
            late = True
            table = SegmentTable(work, len(losses), targets, targets[0], whole)
            segments.run(losses, call.seeds, own, table, set(), keep=True, late=True)
        private, sound = prove(call, segments, table, targets, own)
        if sound:
            if len(work.proofs) >= KEPT:
                work.proofs.clear()
            known = work.proofs.get(segments.key)
            before = {} if known is None else known.strides
            work.proofs[segments.key] = Proof(
                {**before, **segments.strides}, segments.rows.ids, late
            )
        return self._settled(call, table, table.gramian(), own, private)

    def _settled(
        self,
        call: Call,
        table: SegmentTable,
        gramian: Tensor,
        own: Sequence[Sequence[Tensor]],
        private: Sequence[Sequence[Tensor]],
    ) -> Found:
        """Ask the rule, and add what it says."""
        weights, step = call.solve(gramian, table.rows)
        table.spread(weights, directed(call, step))
        apart(call, step, own, private)
        return weights, gramian
