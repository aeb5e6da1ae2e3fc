"""What the laws of fusions are run on."""

from collections.abc import Iterator
from contextlib import contextmanager

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
