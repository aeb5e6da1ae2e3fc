"""Gradients that arrive in shards: a backward pass for each task through FSDP2."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from plait._errors import ConfigError

from ._call import Call
from ._grads import retained
from ._graph import Graph
from ._shared import Found


@dataclass(frozen=True)
class Sharded:
    """Gradients compared at sharded weights, of which each process holds a part.

    A gradient comes back as the mean over processes, in shards; inner products of shards add up.

    Args:
        over: The sharded weights that are shared by tasks.
    """

    over: Sequence[Tensor]

    def __call__(self, call: Call) -> Found:
        """Add the gradient; the weights and the Gramian.

        Raises:
            ConfigError: If a loss is not there in this process: its shards are wanted.
        """
        from torch.distributed.tensor import DTensor  # slow to import, and seldom needed

        if len(call.losses) < len(call.names):
            raise ConfigError(
                f"Each process should have each loss for {type(call.balancer).__name__} over "
                f"sharded weights. Of {list(call.names)} this one has {list(call.losses)}. Give a "
                "loss of zero that depends on the same outputs."
            )
        leaves = list(self.over)
        before = [leaf.grad for leaf in leaves]
        rows: list[Tensor] = []
        reached: set[int] = set()
        with retained(Graph.of(list(call.losses.values()))):
            for task, loss in enumerate(call.losses.values()):
                for leaf in leaves:
                    leaf.grad = None
                seed = call.seeds[task].to(loss.device, loss.dtype).expand_as(loss)
                torch.autograd.backward(loss, seed, retain_graph=task < len(call.names) - 1)
                reached |= {at for at, leaf in enumerate(leaves) if leaf.grad is not None}
                rows.append(torch.cat([_flat(leaf) for leaf in leaves]))
        table = self._averaged(torch.stack(rows), leaves)
        mine = table if dist.get_rank() == 0 else table * self._parted(table, leaves)
        gramian = (mine @ mine.T).double()
        dist.all_reduce(gramian)
        weights, _ = call.solve(gramian, table)
        mixed = weights.to(table.device, table.dtype) @ table
        parts = mixed.split([_local(leaf).numel() for leaf in leaves])
        for at, (leaf, part, kept) in enumerate(zip(leaves, parts, before, strict=True)):
            if at not in reached:  # an input that no process has: an optimizer then lets it be
                leaf.grad = kept
                continue
            grad = part.view_as(_local(leaf)).to(leaf.dtype)
            if isinstance(leaf, DTensor):
                shape, stride = leaf.shape, leaf.stride()
                grad = DTensor.from_local(
                    grad, leaf.device_mesh, leaf.placements, shape=shape, stride=stride
                )
            leaf.grad = grad if kept is None else kept + grad
        return weights, gramian

    def _parted(self, table: Tensor, leaves: Sequence[Tensor]) -> Tensor:
        """1 for each column of a weight that is in parts, 0 where all processes hold the whole."""
        sizes = [(_local(leaf).numel(), float(_is_parted(leaf))) for leaf in leaves]
        return torch.cat([table.new_full((size,), parted) for size, parted in sizes])

    def _averaged(self, table: Tensor, leaves: Sequence[Tensor]) -> Tensor:
        """Gradients of whole weights as the mean over processes, which those in parts are."""
        whole = self._parted(table, leaves) == 0
        if all(map(_is_parted, leaves)):
            return table
        columns = table[:, whole].contiguous()
        dist.all_reduce(columns)
        table[:, whole] = columns / dist.get_world_size()
        return table


def _is_parted(leaf: Tensor) -> bool:
    from torch.distributed.tensor import DTensor

    return isinstance(leaf, DTensor)


def _flat(leaf: Tensor) -> Tensor:
    held = _local(leaf)
    return (torch.zeros_like(held) if leaf.grad is None else _local(leaf.grad)).reshape(-1)


def _local(tensor: Tensor) -> Tensor:
    from torch.distributed.tensor import DTensor

    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
