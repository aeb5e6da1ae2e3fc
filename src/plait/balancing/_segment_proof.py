"""Whether gradients read from one pass are those of a pass for each loss."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from plait._errors import ConfigError

from ._call import Call
from ._numbers import line
from ._segment_layout import Layout
from ._segment_table import SegmentTable
from ._segment_uses import weights_alone
from ._segments import Segments


def layouts(segments: Segments, losses: Sequence[Tensor], owner: str) -> str:
    """Find how rows lie, with a backward pass for each loss; the graph stays.

    Args:
        segments: Where; what is found is written there.
        losses: The losses.
        owner: Who asks.

    Returns:
        Why it could not be found, or nothing.

    Raises:
        ConfigError: If a loss depends on rows that are not its own.
    """
    edges = segments.edges
    seen = [Layout() for _ in edges]
    for task, loss in enumerate(losses):
        wanted: Any = [GradientEdge(node, number) for node, number in edges]
        if wanted:
            grads = torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True)
            for layout, grad in zip(seen, grads, strict=True):
                if grad is not None:
                    layout.see(grad, task)
    reason = ""
    for edge, layout in zip(edges, seen, strict=True):
        stride = layout.stride(segments.rows)
        if stride is None:
            if weights_alone(segments.graph, edge[0]):
                reason = f"{edge[0].name()} makes weights of weights, and has no rows"
            elif layout.could(len(segments.rows.ids)):
                raise mixed(owner)
            elif edge[0] in segments.uses:
                reason = f"how the rows lie at {edge[0].name()} was not to be seen"
        segments.strides[segments.spot(edge)] = stride
    return reason


def prove(
    call: Call,
    segments: Segments,
    table: SegmentTable,
    targets: Sequence[Tensor],
    own: Sequence[Sequence[Tensor]],
) -> tuple[list[list[Tensor]], bool]:
    """Compare both, and leave the gradients of a pass for each loss in the table.

    Args:
        call: The losses.
        segments: What is read in one pass.
        table: What was read, for all of the weights.
        targets: The shared weights.
        own: The weights of each loss alone.

    Returns:
        The gradients of each loss's own weights, and whether a comparison was possible.

    Raises:
        ConfigError: If gradients are not the same.
    """
    private, proved = [], True
    reach = segments.graph.reach
    kinds = {loss.dtype for loss in call.losses.values()} | {leaf.dtype for leaf in targets}
    kinds |= {node._input_metadata[0].dtype for node in segments.uses}
    bound = 4 * max(torch.finfo(kind).eps for kind in kinds) ** 0.5
    for task, loss in enumerate(call.losses.values()):
        there = [leaf for leaf in targets if reach.get(leaf, 0) >> task & 1]
        seed = call.seeds[task].to(loss.device, loss.dtype).expand_as(loss)
        grads = torch.autograd.grad(
            loss, [*there, *own[task]], seed, retain_graph=task < len(call.losses) - 1
        )
        known = {id(leaf): grad for leaf, grad in zip(there, grads, strict=False)}
        length = wrong = 0.0
        for leaf in targets:
            mine, grad = table.blocks[id(leaf)][task], known.get(id(leaf))
            exact = torch.zeros_like(mine) if grad is None else line(grad).view(mine.shape)
            length += float(exact.double().square().sum())
            wrong += float((mine.double() - exact).square().sum())
            mine.copy_(exact)
        if not isfinite(length):
            proved = False
        elif not wrong <= bound**2 * length:
            raise mixed(type(call.balancer).__name__)
        private.append(list(grads[len(there) :]))
    table.products.clear()
    return private, proved


def mixed(owner: str) -> ConfigError:
    """What is wrong where a loss pulls at rows of another.

    Args:
        owner: The balancer.
    """
    return ConfigError(
        f"With `rows`, each loss should depend on its own rows of the batch alone, for {owner}. "
        "Found one that depends on others: layers mix rows (batch normalization that takes "
        "statistics of the batch, a comparison of rows with each other), or the loss is of other "
        "rows than said. Take layers that do not mix rows, as LayerNorm, say which rows each loss "
        "is of, or leave `rows` out: gradients are then found with a pass for each loss."
    )
