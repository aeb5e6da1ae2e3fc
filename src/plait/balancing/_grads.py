"""From losses to gradients, and from gradients to ``.grad``."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor
from torch._functorch import config as functorch

from ._graph import Graph, many
from ._numbers import count, line, shaped


def rows(
    losses: Sequence[Tensor],
    seeds: Sequence[Tensor],
    graph: Graph,
    targets: Sequence[Tensor],
    own: Sequence[Sequence[Tensor]],
    out: Sequence[Float[Tensor, " numbers"]],
    keep: bool,
) -> list[list[Tensor]]:
    """One backward pass for each loss: its gradient as a row, and those of its own weights.

    Args:
        losses: The losses.
        seeds: What each is multiplied by.
        graph: Their graph.
        targets: The leaves that the rows are gradients of.
        own: The weights that only this loss reaches.
        out: Where the rows go.
        keep: Whether the graph is needed once more.

    Returns:
        The gradients of each loss's own weights.
    """
    found, reach = [], graph.reach
    last = len(losses) - 1
    with retained(graph):
        for task, loss in enumerate(losses):
            reached = [leaf for leaf in targets if reach.get(leaf, 0) >> task & 1]
            grads = torch.autograd.grad(
                loss,
                [*reached, *own[task]],
                _seed(seeds[task], loss),
                retain_graph=keep or task < last,
            )
            shared = grads[: len(reached)]
            if len(reached) < len(targets):
                there = iter(shared)
                among = {id(leaf) for leaf in reached}
                shared = [
                    next(there) if id(leaf) in among else leaf.new_zeros(leaf.shape)
                    for leaf in targets
                ]
            torch.cat([line(each) for each in shared], out=out[task])
            found.append(list(grads[len(reached) :]))
    return found


def weighted(
    losses: Sequence[Tensor],
    seeds: Sequence[Tensor],
    graph: Graph,
    shares: Sequence[Tensor],
    lone: Sequence[Tensor] = (),
) -> None:
    """One backward pass of all losses, in which hooks of reducers and the like are called.

    Args:
        losses: The losses.
        seeds: What each is multiplied by.
        graph: Their graph.
        shares: What the gradient of each is multiplied by once more where it enters what is shared.
        lone: Leaves that are shared with the losses of other processes alone.
    """
    handles, begun = [], list(seeds)
    gates: dict = {}
    for node, number, task in graph.gates:
        gates.setdefault(node, (task, set()))[1].add(number)
    for node, (task, numbers) in gates.items():
        handles.append(node.register_hook(_gate(shares[task], numbers)))
    for leaf in lone:
        share = shares[graph.reach[leaf].bit_length() - 1]
        handles.append(leaf.register_hook(_scale(share)))
    for task, (node, _) in enumerate(graph.roots):
        if many(graph.tasks[node]):
            begun[task] = begun[task] * shares[task]
    try:
        torch.autograd.backward(
            list(losses), [_seed(seed, loss) for seed, loss in zip(begun, losses, strict=True)]
        )
    finally:
        for handle in handles:
            handle.remove()


def _seed(seed: Tensor, loss: Tensor) -> Tensor:
    return seed.to(loss.device, loss.dtype).expand_as(loss)


def _scale(share: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda grad: grad * share.to(grad.dtype)


def _gate(share: Tensor, numbers: set[int]) -> Callable[[tuple, tuple], tuple]:
    def hook(inputs: tuple, outputs: tuple) -> tuple:
        return tuple(
            grad * share.to(grad.dtype) if number in numbers and grad is not None else grad
            for number, grad in enumerate(inputs)
        )

    return hook


def add_flat(leaves: Sequence[Tensor], flat: Float[Tensor, " numbers"]) -> None:
    """Add one long gradient into ``.grad`` of the leaves, in their order.

    Args:
        leaves: The leaves.
        flat: As many numbers as they have; it must not be used again.
    """
    parts = flat.split([count(leaf) for leaf in leaves])
    add(leaves, [shaped(part, leaf) for part, leaf in zip(parts, leaves, strict=True)], apart=True)


def add(leaves: Sequence[Tensor], grads: Sequence[Tensor], apart: bool = False) -> None:
    """Add gradients into ``.grad`` of the leaves.

    Args:
        leaves: The leaves.
        grads: The gradient of each, which must not be used again.
        apart: Whether no two of them, nor anything else, can lie in the same memory.
    """
    sums, parts = [], []
    taken: set[int] = set()
    for leaf, grad in zip(leaves, grads, strict=True):
        if leaf.grad is None:
            grad = grad.to(leaf.dtype)
            leaf.grad = (
                grad if _fits(leaf, grad, apart, taken) else torch.empty_like(leaf).copy_(grad)
            )
        else:
            sums.append(leaf.grad)
            parts.append(grad.to(leaf.grad.dtype))
    if sums:
        torch._foreach_add_(sums, parts)


def _fits(leaf: Tensor, grad: Tensor, apart: bool, taken: set[int]) -> bool:
    """Whether a gradient can be kept as it is, as autograd decides it for a first one.

    It may be a view of what it was computed from, or the same for two leaves, as for those of a
    sum. Fused optimizers take numbers as they lie in memory: it has to lie there as the leaf does.
    """
    if grad.layout != torch.strided or type(grad) is not Tensor:
        return True
    if grad.stride() != leaf.stride():
        return False
    if apart:
        return True
    memory = grad.untyped_storage()
    fresh = memory.data_ptr() not in taken and grad.numel() != 1  # which may be the seed
    taken.add(memory.data_ptr())
    return fresh and memory.nbytes() == grad.nbytes


@contextmanager
def retained(graph: Graph) -> Generator[None]:
    """Let a compiled part of the graph be run backward more than once."""
    if not graph.compiled:
        yield
        return
    with functorch.patch(donated_buffer=False):
        yield
