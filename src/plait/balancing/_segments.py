"""Every place where a shared weight meets rows, and where rows lie there."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from ._batch_rows import BatchRows
from ._graph import Edge, Graph, many
from ._row_groups import RowGroups
from ._segment_kinds import Way, called, product, way
from ._segment_table import SegmentTable
from ._segment_uses import result, structure, uses
from ._segment_watch import watch
from ._use import Use


@dataclass(frozen=True)
class Segments:
    """What the gradients of all losses are read from in one backward pass.

    Args:
        graph: The graph of the losses.
        rows: Which rows each loss is about.
        uses: The weights at each node.
        key: What the way of rows through the shared part follows from.
        places: The place of each shared node among them, the same for one key.
        strides: After how many numbers the next row of the batch begins, at the gradient of each
            shared node's place and result; None where that is not known.
    """

    graph: Graph
    rows: BatchRows
    uses: dict[Node, list[Use]]
    key: Hashable
    places: dict[Node, int]
    strides: dict[tuple[int, int], int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, rows: BatchRows, targets: Sequence[Tensor]) -> "Segments | str":
        """Read a graph; or say why gradients cannot be read from one pass.

        Args:
            graph: The graph of the losses.
            rows: Which rows each is about.
            targets: The shared weights.
        """
        found = uses(graph, targets)
        if isinstance(found, str):
            return found
        key, places = structure(graph, found, len(rows.ids))
        return cls(graph, rows, found, key, places)

    @cached_property
    def edges(self) -> list[Edge]:
        """Where it matters how rows lie: at shared weights, and where losses enter."""
        tasks = self.graph.tasks
        found = {(node, 0): None for node in self.uses if many(tasks[node])}
        stems = {node for some in self.uses.values() for use in some for node, _ in use.path}
        for node, number, _ in self.graph.gates:
            edge = self.graph.children[node][number]
            if edge is not None and edge[0] in self.places and edge[0] not in stems:
                found[edge] = None
        return list(found)

    def spot(self, edge: Edge) -> tuple[int, int]:
        """The name of an edge that is the same for all graphs of one key.

        Args:
            edge: The edge.
        """
        return self.places[edge[0]], edge[1]

    @cached_property
    def spots(self) -> dict[tuple[int, int], Edge]:
        """The edges by the names that are the same for all graphs of one key."""
        return {self.spot(edge): edge for edge in self.edges}

    @cached_property
    def ways(self) -> dict[Node, list[Way | None]]:
        """How the gradients of each weight are read; None where the node is to be called."""
        return {
            node: [way(node, use, self.stride(node)) for use in some]
            for node, some in self.uses.items()
        }

    @cached_property
    def count(self) -> dict[int, int]:
        """How often each weight is used."""
        return Counter(id(use.leaf) for some in self.uses.values() for use in some)

    def ghosts(self) -> set[int]:
        """The weights whose gradients are cheaper not to write out: few rows, and many numbers."""
        tasks, found = self.rows.tasks, set()
        for node, some in self.uses.items():
            for use, known in zip(some, self.ways[node], strict=True):
                if known is product and self.count[id(use.leaf)] == 1:
                    rows = result(node)[0]
                    # Beside one product both need: the products of rows with rows, or those of
                    # the gradients and their weighted sum, which are bound by memory.
                    spared = rows**2 * sum(use.leaf.shape)
                    if spared < use.leaf.numel() * (3 * tasks**2 + 16 * tasks):
                        found.add(id(use.leaf))
        return found

    def stride(self, node: Node) -> int:
        """After how many numbers of a node's gradient the next row of the batch begins.

        Args:
            node: The node.
        """
        if many(self.graph.tasks[node]):
            found = self.strides[self.places[node], 0]
            assert found, "nodes with weights were looked at"
            return found
        return result(node).numel()  # it is all of one loss

    def at(self, node: Node) -> Callable[[int], RowGroups]:
        """The loss of each row of a node's gradient, for rows of so many numbers.

        Args:
            node: The node.
        """
        size = result(node).numel()
        tasks = self.graph.tasks[node]
        if not many(tasks):
            return lambda width: self.rows.one(size // width, tasks.bit_length() - 1)
        stride, batch = self.stride(node), len(self.rows.ids)
        return lambda width: self.rows.groups(size // width // batch, stride // width)

    def run(
        self,
        losses: Sequence[Tensor],
        seeds: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
        table: SegmentTable,
        ghosts: set[int],
        keep: bool = False,
        late: bool = False,
    ) -> tuple[list[list[Tensor]], list[Tensor]]:
        """One backward pass, in which the gradients of all losses are read.

        Args:
            losses: The losses.
            seeds: What each is multiplied by.
            own: The weights of each alone.
            table: Where the gradients of shared weights go.
            ghosts: The weights whose gradients are not to be written out.
            keep: Whether the graph is needed once more.
            late: Whether what was kept for backward is looked at after the pass, as checkpoints
                want it, which hand it out once in a pass.

        Returns:
            The gradients of each loss's own weights, and numbers that are not zero if something
            came from a loss at rows that are not its own.
        """
        behind = self._behind()
        handles, ends = [], []
        count = dict(self.count)

        def read(node: Node, grad: Tensor | None) -> None:
            some, ways, at = self.uses[node], self.ways[node], self.at(node)
            if grad is not None:
                for use, known in zip(some, ways, strict=True):
                    if known is not None:
                        known(node, use, grad, at, table, ghosts)
                rest = [use for use, known in zip(some, ways, strict=True) if known is None]
                if rest:
                    called(node, rest, grad, at(self.stride(node)), table)
            for use in some:
                count[id(use.leaf)] -= 1
                if not count[id(use.leaf)] and id(use.leaf) not in ghosts:
                    table.done(use.leaf)

        def before(node: Node) -> Callable[[Sequence[Tensor | None]], None]:
            return lambda grads: read(node, grads[0])

        for node, ways in self.ways.items():
            # Within a pass a node hands on what was asked of it; called after it, all.
            keep |= (late or None in ways) and node in behind
            if late or None in ways or node not in behind:
                ends.append(node)
            else:
                handles.append(node.register_prehook(before(node)))
        outside = watch(self.graph, self.rows, self._gates(), handles)
        leaves = [leaf for some in own for leaf in some]
        try:
            wanted: Any = [*(GradientEdge(node, 0) for node in ends), *leaves]
            grads = torch.autograd.grad(
                list(losses),
                wanted,
                [seed.to(loss.device, loss.dtype).expand_as(loss)
                 for seed, loss in zip(seeds, losses, strict=True)],
                retain_graph=keep,
                allow_unused=True,
            )  # fmt: skip
        finally:
            for handle in handles:
                handle.remove()
        for node, grad in zip(ends, grads, strict=False):
            read(node, grad)
        table.close()
        rest = iter(grads[len(ends) :])
        return [[next(rest) for _ in some] for some in own], outside

    def _gates(self) -> dict[Edge, int | None]:
        return {edge: self.strides.get(self.spot(edge)) for edge in self.edges}

    def _behind(self) -> set[Node]:
        """The nodes with another of them behind, so that a pass runs them by itself."""
        found: set[Node] = set()
        uses, children = self.uses, self.graph.children
        for node in reversed(self.graph.nodes):
            for edge in children[node]:
                if edge is not None and (edge[0] in uses or edge[0] in found):
                    found.add(node)
                    break
        return found
