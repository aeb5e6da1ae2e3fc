"""Which weights each loss reaches, read from autograd's graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge

from plait._errors import ConfigError

SINK, COMPILED = "_DDPSinkBackward", "CompiledFunctionBackward"
Edge = tuple[Node, int]
Gate = tuple[Node, int, int]
"""A node of one task, the number of its input, and the task: a place where a gradient leaves what
the task has for itself, and enters what is shared."""


@dataclass(frozen=True)
class Graph:
    """The graph behind several losses, with a set of tasks for each node.

    A set is a number whose bits are the tasks. Nodes stand in the order in which backward reaches
    them: each before all that it hands gradients to.

    Args:
        roots: Where backward begins for each loss.
        nodes: All nodes but those of leaves.
        tasks: The tasks of each node, those of leaves too.
        leaves: The leaf tensor behind each node of one.
        children: Where each node hands its gradients to; None stands for nowhere.
    """

    roots: Sequence[Edge]
    nodes: Sequence[Node]
    tasks: dict[Node, int]
    leaves: dict[Node, Tensor]
    children: dict[Node, list[Edge | None]]

    @classmethod
    def of(cls, losses: Sequence[Tensor]) -> "Graph":
        """Read the graph of some losses."""
        ends = [get_gradient_edge(loss) for loss in losses]
        roots = [through((end.node, end.output_nr)) for end in ends]
        order, children = _order([node for node, _ in roots])
        tasks = dict.fromkeys(order, 0)
        for bit, (node, _) in enumerate(roots):
            tasks[node] |= 1 << bit
        nodes, leaves = [], {}
        for node in order:
            mine = tasks[node]
            if not children[node]:
                leaf = getattr(node, "variable", None)
                if isinstance(leaf, Tensor):
                    leaves[node] = leaf
                    continue
            nodes.append(node)
            for edge in children[node]:
                if edge is not None:
                    tasks[edge[0]] |= mine
        found = cls(roots, nodes, tasks, leaves, children)
        if found.compiled:
            found._refuse_fused()
        return found

    @cached_property
    def compiled(self) -> bool:
        """Whether a part of it was made by ``torch.compile``."""
        return any(type(node).__name__ == COMPILED for node in self.nodes)

    def next(self, node: Node) -> list[Edge]:
        """Where a node hands its gradients to."""
        return [edge for edge in self.children[node] if edge is not None]

    @cached_property
    def shared(self) -> list[Tensor]:
        """The leaves that two losses or more reach."""
        return [leaf for node, leaf in self.leaves.items() if many(self.tasks[node])]

    @cached_property
    def reach(self) -> dict[Tensor, int]:
        """The tasks of each leaf."""
        return {leaf: self.tasks[node] for node, leaf in self.leaves.items()}

    def own(self, task: int) -> list[Tensor]:
        """The leaves that only one of the losses reaches."""
        return [leaf for leaf, tasks in self.reach.items() if tasks == 1 << task]

    @cached_property
    def gates(self) -> list[Gate]:
        """Where a gradient leaves what one task has for itself, and enters what is shared."""
        return [
            (node, number, self.tasks[node].bit_length() - 1)
            for node in self.nodes
            if not many(self.tasks[node])
            for number, edge in enumerate(self.children[node])
            if edge is not None and many(self.tasks[edge[0]])
        ]

    @cached_property
    def cut(self) -> list[Edge] | None:
        """Where all heads begin: the edges from which all that is shared lies behind.

        None if there are none such: some tasks share more than others do, a weight of a head is
        shared, or something shared is used again behind the beginning of a head.
        """
        every = (1 << len(self.roots)) - 1
        if any(many(each) and each != every for each in self.tasks.values()):
            return None
        found = dict.fromkeys(edge for edge in self.roots if self.tasks[edge[0]] == every)
        for node, number, _ in self.gates:
            edge = self.children[node][number]
            assert edge is not None, "a gate leads somewhere"
            if edge[0] in self.leaves:
                return None
            found[edge] = None
        return None if self.nested(list(found)) else list(found)

    def nested(self, edges: Sequence[Edge]) -> bool:
        """Whether one of some edges lies behind another."""
        seen = self._behind([edge for node, _ in edges for edge in self.next(node)], ())
        return any(node in seen for node, _ in edges)

    def above(self, edges: Sequence[Edge]) -> list[Tensor]:
        """The leaves that a loss reaches without crossing one of some edges."""
        seen = self._behind(self.roots, edges)
        return [leaf for node, leaf in self.leaves.items() if node in seen]

    def _refuse_fused(self) -> None:
        """Refuse a compiled piece with an output for each task: their own weights are in it.

        Raises:
            ConfigError: If there is one.
        """
        users: dict[Edge, int] = {}
        for node in self.nodes:
            for edge in self.next(node):
                if type(edge[0]).__name__ == COMPILED:
                    users[edge] = users.get(edge, 0) | self.tasks[node]
        alone: dict[Node, int] = {}
        for (node, _), tasks in users.items():
            if not many(tasks):
                alone[node] = alone.get(node, 0) | tasks
        if any(many(tasks) for tasks in alone.values()):
            raise ConfigError(
                "What tasks share should be compiled apart from what each has for itself, where "
                "gradients of tasks are compared. Found a compiled piece with outputs of its own "
                "for several tasks: nothing tells their weights apart. Compile the shared part "
                "alone (`model.trunk = torch.compile(model.trunk)`), or train without `compile`."
            )

    def _behind(self, begin: Sequence[Edge], stop: Sequence[Edge]) -> set[Node]:
        stopped, seen = set(stop), set()
        stack = [edge for edge in begin if edge not in stopped]
        while stack:
            node, _ = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += [edge for edge in self.next(node) if edge not in stopped]
        return seen


def through(edge: Edge) -> Edge:
    """The edge behind what DDP puts around all outputs, which hands each on as it is."""
    while type(edge[0]).__name__ == SINK:
        child, output = edge[0].next_functions[edge[1]]
        if child is None:
            break
        edge = child, output
    return edge


def many(tasks: int) -> bool:
    """Whether a set has more than one task."""
    return tasks & (tasks - 1) != 0


def _order(roots: Sequence[Node]) -> tuple[list[Node], dict[Node, list[Edge | None]]]:
    """All nodes, each before those behind it, and where they lead to."""
    done: dict[Node, None] = {}
    children: dict[Node, list[Edge | None]] = {}
    for root in roots:
        # A node is put down when all behind it are; the reverse is the order of backward.
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                done[node] = None
            elif node not in children:
                stack.append((node, True))
                found = children[node] = [
                    None if child is None else through((child, number))
                    for child, number in node.next_functions
                ]
                stack += [(edge[0], False) for edge in found if edge and edge[0] not in children]
    return list(reversed(done)), children
