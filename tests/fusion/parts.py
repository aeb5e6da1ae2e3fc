"""What the laws of fusions are run on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import permutations

import jaxtyping
import torch

from plait.data import Masked
from plait.fusion import Fusion

WIDTH = 8
SIX = ("price", "a.b", "keys", "type", "", "Ω")


def stirred(module: Fusion, seed: int = 0) -> Fusion:
    """Weights that start at zero say nothing yet."""
    torch.manual_seed(seed)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return module.eval()


def tokens(inputs=SIX, rows=5, length=3, seed=0) -> dict[str, Masked]:
    """Some of all; the first row has everything, the last nothing."""
    torch.manual_seed(seed)
    made = {}
    for place, name in enumerate(inputs):
        mask = torch.rand(rows, length + place % 2) < 0.6
        mask[0] = True
        if rows > 1:
            mask[-1] = False
        made[name] = Masked(torch.randn(*mask.shape, WIDTH), mask)
    return made


def changed(parts: dict[str, Masked], junk: float) -> dict[str, Masked]:
    """The same with junk wherever nothing is."""
    return {
        name: Masked(part.values.masked_fill(~part.mask.unsqueeze(2), junk), part.mask)
        for name, part in parts.items()
    }


def gradients(module: Fusion, parts: dict[str, Masked]) -> dict[object, torch.Tensor | None]:
    """Of each weight by its name, and of each input's values."""
    leaves = {n: Masked(p.values.clone().requires_grad_(), p.mask) for n, p in parts.items()}
    module.zero_grad()
    torch.manual_seed(1)
    out = module(leaves)
    (out * torch.linspace(-1, 2, out.numel()).view_as(out)).sum().backward()
    weights = {name: weight.grad for name, weight in module.named_parameters()}
    return {**weights, **{(name,): part.values.grad for name, part in leaves.items()}}


@contextmanager
def unchecked() -> Iterator[None]:
    """The type checks of the tests are no thing to compile."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def permuted(module: Fusion, order: Sequence[int]) -> dict[str, torch.Tensor]:
    """The state of one of the same kind for the same inputs, given in this order.

    Read off the shapes: lists of modules and axes as long as there are inputs (or as their pairs,
    their numbers, their products, all but the first) follow the inputs; all else stays.
    """
    count = len(order)
    pairs = list(permutations(range(count), 2))
    moves = {
        count: [*order],
        2 * count: [layer * count + place for layer in range(2) for place in order],
        count - 1: [place - 1 for place in order[1:]],
        len(pairs): [pairs.index((order[here], order[other])) for here, other in pairs],
    }
    lists = {n: len(m) for n, m in module.named_children() if isinstance(m, torch.nn.ModuleList)}
    state, found = module.state_dict(), {}
    for name in state:
        top, *rest = name.split(".")
        if lists.get(top) in moves:
            top = f"{top}.{moves[lists[top]][int(rest.pop(0))]}"
        found[name] = reordered(state[".".join([top, *rest])], order)
    return found


def reordered(weight: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    count = len(order)
    for axis, size in enumerate(weight.shape):
        root = round(size ** (1 / count))
        if size in (count, count + 1):  # a slot for nothing is the last one
            rest = range(count, size)
            weight = weight.index_select(axis, torch.tensor([*order, *rest]))
        elif size == count * WIDTH:
            blocks = weight.unflatten(axis, (count, WIDTH))
            weight = blocks.index_select(axis, torch.tensor(order)).flatten(axis, axis + 1)
        elif root > 1 and root**count == size:
            axes = [*range(axis), *(axis + place for place in order)]
            blocks = weight.unflatten(axis, (root,) * count)
            weight = blocks.permute(*axes, *range(len(axes), blocks.ndim)).flatten(
                axis, axis + count - 1
            )
    return weight
