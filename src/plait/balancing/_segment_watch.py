"""Whether losses keep to the rows that are their own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.utils.hooks import RemovableHandle

from ._batch_rows import BatchRows
from ._graph import Graph
from ._segment_uses import result


def watch(
    graph: Graph,
    rows: BatchRows,
    strides: Mapping[tuple[Node, int], int | None],
    handles: list[RemovableHandle],
) -> list[Tensor]:
    """Count, in the next backward pass, what losses hand to rows that are not their own.

    Args:
        graph: The graph of the losses.
        rows: Which rows each is about.
        strides: After how many numbers the next row begins where losses enter what is shared.
        handles: What ends it is put here.

    Returns:
        Numbers, which are there after the pass; zeros if all is well.
    """
    found: list[Tensor] = []
    picked: list[Tensor] = []
    of: list[int] = []
    for node, number, task in graph.gates:
        edge = graph.children[node][number]
        stride = None if edge is None else strides.get(edge)
        if edge is None or not stride:
            continue
        places = _picked(node, stride, len(rows.ids), result(edge[0])) if not edge[1] else None
        if places is None:
            handles.append(node.register_hook(_counter(rows, number, task, stride, found)))
        else:
            picked.append(places)
            of += [task] * len(places)
    if picked:
        told = rows.ids[torch.cat(picked)]
        found.append((told != torch.tensor(of, device=told.device)).sum())
    return found


def _picked(node: Any, stride: int, batch: int, shape: torch.Size) -> Tensor | None:
    """The rows of the batch that a node picks by itself; None for a node that does not say."""
    if node.name() != "IndexBackward0" or shape[0] != batch or shape.numel() != batch * stride:
        return None
    first, *rest = node._saved_indices
    if first is None or first.ndim != 1 or any(each is not None for each in rest):
        return None
    return first.nonzero()[:, 0] if first.dtype in (torch.bool, torch.uint8) else first


def _counter(
    rows: BatchRows, number: int, task: int, stride: int, found: list[Tensor]
) -> Callable[[Sequence[Tensor | None], object], None]:
    own = rows.own(task)

    def hook(grads: Sequence[Tensor | None], _: object) -> None:
        grad = grads[number]
        if grad is not None:
            each = grad.reshape(-1, len(rows.ids), stride)
            found.append(torch.count_nonzero(each) - torch.count_nonzero(each[:, own]))

    return hook
