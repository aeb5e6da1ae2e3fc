"""The gradients of all losses at one use of a weight, from one backward pass."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from ._ghost import Ghost
from ._numbers import line
from ._row_groups import RowGroups
from ._segment_table import SegmentTable
from ._segment_uses import result
from ._use import Use

At = Callable[[int], RowGroups]
"""From how many numbers a row has to the loss of each row."""
Way = Callable[[Any, Use, Tensor, At, SegmentTable, set[int]], None]
"""From a node, one of its weights and the gradient to what goes into the table."""

LINEAR = {"AddmmBackward0": 2, "MmBackward0": 1}
# Nodes whose weights are treated by themselves; all others are called once for each loss.
KNOWN = (*LINEAR, "ConvolutionBackward0", "NativeLayerNormBackward0", "AddBackward0")


def way(node: Any, use: Use, stride: int) -> Way | None:
    """How the gradients of one weight are read; None to call the node for each loss.

    Args:
        node: Where the weight meets rows.
        use: The weight.
        stride: After how many numbers of the node's gradient the next row of the batch begins.
    """
    name, last = node.name(), result(node)
    if name not in KNOWN or not last:
        return None
    fine = stride % last[-1] == 0
    bias = not use.names and use.leaf.ndim == 1
    if name in LINEAR and fine and len(last) == 2:
        plain = node._saved_alpha == node._saved_beta == 1 if name == "AddmmBackward0" else True
        if use.number == LINEAR[name] and plain and use.names in ((), ("TBackward0",)):
            return product
        if name == "AddmmBackward0" and use.number == 0 and plain and bias:
            return _bias if len(use.leaf) == last[-1] else None
    if name == "AddBackward0" and fine and bias and len(use.leaf) == last[-1]:
        return _bias if node._saved_alpha == 1 else None
    if name == "NativeLayerNormBackward0" and not use.names:
        return _norm if stride % use.leaf.numel() == 0 else None
    if name == "ConvolutionBackward0" and not use.names and stride % prod(last[1:]) == 0:
        return _filter if use.number == 1 else _filter_bias
    return None


def product(
    node: Any, use: Use, grad: Tensor, at: At, table: SegmentTable, ghosts: set[int]
) -> None:
    """The weight of a linear layer: a product of two factors with rows."""
    given = node._saved_mat1 if node.name() == "AddmmBackward0" else node._saved_self
    turned = use.names == ("TBackward0",)
    left, right = (grad, given) if turned else (given, grad)
    groups = at(grad.shape[1])
    if id(use.leaf) in ghosts:
        table.ghosts.append(Ghost(use.leaf, left, right, groups))
        return
    block, fresh = table.take(use.leaf)
    left, right = groups.sort(left), groups.sort(right)
    size = groups.even
    same = block.dtype == left.dtype == right.dtype
    if fresh and same and size:
        left, right = (each.reshape(len(block), size, -1) for each in (left, right))
        torch.bmm(left.transpose(1, 2), right, out=block)
        return
    for out, (begin, end) in zip(block, groups.bounds, strict=True):
        if begin == end:
            if fresh:
                out.zero_()
        elif same and fresh:
            torch.mm(left[begin:end].T, right[begin:end], out=out)
        elif same:
            out.addmm_(left[begin:end].T, right[begin:end])
        else:
            found = left[begin:end].T @ right[begin:end]
            out.copy_(found) if fresh else out.add_(found)


def _bias(node: Any, use: Use, grad: Tensor, at: At, table: SegmentTable, ghosts: set[int]) -> None:
    width = len(use.leaf)
    table.sum(use.leaf, grad.reshape(-1, width), at(width))


def _norm(node: Any, use: Use, grad: Tensor, at: At, table: SegmentTable, ghosts: set[int]) -> None:
    if use.number == 1:
        given = node._saved_input - node._saved_result1
        grad = given.mul_(node._saved_result2).mul_(grad)
    width = use.leaf.numel()
    table.sum(use.leaf, grad.reshape(-1, width), at(width))


def _filter(
    node: Any, use: Use, grad: Tensor, at: At, table: SegmentTable, ghosts: set[int]
) -> None:
    block, fresh = table.take(use.leaf)
    groups = at(grad[0].numel())
    rows, given, weight = groups.sort(grad), groups.sort(node._saved_input), node._saved_weight
    for out, (begin, end) in zip(block, groups.bounds, strict=True):
        if begin == end:
            if fresh:
                out.zero_()
            continue
        found = torch.ops.aten.convolution_backward(
            rows[begin:end], given[begin:end], weight, None, node._saved_stride,
            node._saved_padding, node._saved_dilation, node._saved_transposed,
            node._saved_output_padding, node._saved_groups, [False, True, False],
        )[1]  # fmt: skip
        out.copy_(found) if fresh else out.add_(found)


def _filter_bias(
    node: Any, use: Use, grad: Tensor, at: At, table: SegmentTable, ghosts: set[int]
) -> None:
    table.sum(use.leaf, grad.flatten(2).sum(2), at(grad[0].numel()))


def called(
    node: Any, uses: Sequence[Use], grad: Tensor, groups: RowGroups, table: SegmentTable
) -> None:
    """Call a node once for each loss, with zeros in the rows of all others.

    Args:
        node: The node.
        uses: Its weights.
        grad: What comes to it from all losses.
        groups: The loss of each row.
        table: Where the gradients go.
    """
    rows = grad.reshape(len(groups.ids), -1)
    rest = [None] * (len(node._input_metadata) - 1)
    found: list[list[Tensor]] = [[] for _ in uses]
    for task in range(groups.tasks):
        mine = (groups.ids == task)[:, None]
        outs = node(torch.where(mine, rows, 0).view(grad.shape), *rest)
        outs = outs if isinstance(outs, tuple) else (outs,)
        for use, parts in zip(uses, found, strict=True):
            parts.append(_along(use, outs[use.number]))
    for use, parts in zip(uses, found, strict=True):
        table.add(use.leaf, torch.stack(parts))


def _along(use: Use, grad: Tensor) -> Tensor:
    """From what a node hands on to the gradient of the weight, as a row."""
    for node, number in use.path:
        stem: Any = node
        kinds = stem._input_metadata
        grad = grad.sum_to_size(kinds[number].shape).to(kinds[number].dtype)
        given: list[Tensor | None] = [None] * len(kinds)
        given[number] = grad
        grad = stem(*given)
    return line(grad if grad.layout != torch.strided else grad.sum_to_size(use.leaf.shape))
