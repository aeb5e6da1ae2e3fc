"""Where shared weights meet rows, read from autograd's graph."""

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from ._graph import Edge, Graph, many
from ._use import Use

# What only lays the numbers of a weight out anew, or changes their precision.
STEMS = frozenset(
    f"{name}Backward{version}"
    for name in (
        "T", "Transpose", "ToCopy", "View", "UnsafeView", "ReshapeAlias", "Permute", "Unsqueeze",
        "Squeeze", "Split", "SplitWithSizes", "Slice", "Select", "Clone", "Chunk", "Narrow",
    )
    for version in range(3)
)  # fmt: skip
# What takes rows as data says, so that they may lie anywhere in the next batch.
BY_DATA = (
    "Index", "Gather", "Scatter", "Sort", "Topk", "Take", "Put", "MaskedSelect", "MaskedScatter",
    "PackPadded", "RepeatInterleave", "Unique", "Nested", "Jagged", "SegmentReduce", "Cpp",
    "Compiled", "UnsafeIndex", "UnsafeMasked",
)  # fmt: skip
# What is not in the names of nodes and shapes, but changes which rows a result depends on.
TOLD = ("_saved_training", "_saved_dim", "_saved_dim0", "_saved_dim1", "_saved_dims",
        "_saved_shifts", "_saved_keepdim", "_saved_index")  # fmt: skip
_told: dict[type, tuple[str, ...]] = {}
_opaque: dict[type, str] = {}


def uses(graph: Graph, targets: Sequence[Tensor]) -> dict[Node, list[Use]] | str:
    """Every use of some weights, by node; or why they cannot all be told.

    Args:
        graph: The graph of the losses.
        targets: The weights.
    """
    wanted = {id(leaf) for leaf in targets}
    leaves = {node for node, leaf in graph.leaves.items() if id(leaf) in wanted}
    for leaf in targets:
        if leaf.is_complex():
            return "a shared weight is complex"
        if leaf._backward_hooks:
            return "a shared weight has a hook, which should see the gradient of each task"
    children, tasks = graph.children, graph.tasks
    stems: dict[Node, Edge] = {}
    for node in reversed(graph.nodes):
        inside = children[node]
        edge = inside[0] if len(inside) == 1 else None
        if edge and (edge[0] in leaves or edge[0] in stems) and node.name() in STEMS:
            stems[node] = edge
    found: dict[Node, list[Use]] = {}
    for node in graph.nodes:
        if many(tasks[node]) and (name := _by_data(node)):
            return f"{name} is among what is shared, and may take any rows"
        if node in stems:
            continue
        for number, edge in enumerate(children[node]):
            if edge is not None and (edge[0] in leaves or edge[0] in stems):
                path, at = [], edge
                while at[0] in stems:
                    path.append(at)
                    at = stems[at[0]]
                found.setdefault(node, []).append(Use(node, number, graph.leaves[at[0]], path))
    for node in found:
        if isinstance(node, BackwardCFunction):
            return f"{node.name()} is written in Python"
    several = {node for node in found if len(node._input_metadata) > 1}
    for node in graph.nodes if several else ():
        for edge in graph.next(node):
            if edge[1] and edge[0] in several:
                return f"{edge[0].name()} has several results"
    if any(many(tasks[node]) for node, _ in graph.roots):
        return "losses are one tensor on the way"
    return found


def structure(
    graph: Graph, found: dict[Node, list[Use]], batch: int
) -> tuple[Hashable, dict[Node, int]]:
    """What the way of rows through the shared part follows from, and its nodes by place.

    Args:
        graph: The graph of the losses.
        found: The uses of shared weights.
        batch: How many rows there are.
    """
    tasks, children = graph.tasks, graph.children
    places: dict[Node, int] = {}
    for node in graph.nodes:
        bits = tasks[node]
        if bits & (bits - 1):
            places[node] = len(places)
    parts: list[Hashable] = []
    for node in places:
        kind = type(node)
        told = _told.get(kind)
        if told is None:
            told = _told[kind] = tuple(name for name in TOLD if hasattr(kind, name))
        parts.append(kind)
        parts += [_plain(getattr(node, name)) for name in told]
        parts += [edge and (places.get(edge[0], -1), edge[1]) for edge in children[node]]
        if node in found:
            shape = result(node)
            size = shape.numel()
            # Of batches of another size the same is true: axes that hold the batch count as none.
            share = size // batch if size % batch == 0 else tuple(shape)
            parts.append(
                (share, *(length % batch and length for length in shape[:-1]), *shape[-1:])
            )
    return tuple(parts), places


def _plain(value: object) -> Hashable:
    if isinstance(value, (list, tuple)):
        return tuple(value)
    return value if isinstance(value, int) else None


def _by_data(node: Node) -> str:
    kind = type(node)
    name = _opaque.get(kind)
    if name is None:
        name = node.name()
        if not (isinstance(node, BackwardCFunction) or name.lstrip("_").startswith(BY_DATA)):
            name = ""
        _opaque[kind] = name
    return name


def result(node: Node) -> torch.Size:
    """The shape of what a node's forward gave, and so of the gradient that comes to it.

    Args:
        node: The node.
    """
    kinds: Any = node._input_metadata
    return torch.Size(kinds[0].shape)


def weights_alone(graph: Graph, node: Node) -> bool:
    """Whether nothing but weights is behind a node, so that its gradient may have no rows.

    Args:
        graph: The graph of the losses.
        node: The node.
    """
    if node.name().startswith(("Embedding", "Expand", "Add")):
        return False
    seen, stack = set(), [node]
    while stack:
        for edge in graph.children[stack.pop()]:
            if edge is None:
                return False
            if edge[0] not in seen and edge[0] not in graph.leaves:
                seen.add(edge[0])
                stack.append(edge[0])
    return True
