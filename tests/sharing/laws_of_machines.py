"""What compilers, exporters and optimizers may rely on; more laws of every way of sharing."""

from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping
import torch
from torch import Tensor, nn

from plait.data import Masked
from plait.sharing import Sharing

from .laws import TWO, WIDTH, Build, rows, stacked, stirred


class Plain(nn.Module):
    """Tensors in and one tensor out."""

    def __init__(self, sharing: Sharing) -> None:
        super().__init__()
        self.sharing = sharing

    def forward(self, features: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        return stacked(self.sharing(features, Masked(values, mask)))


@contextmanager
def unchecked() -> Iterator[None]:
    """The type checks of the tests are no thing to compile."""
    jaxtyping.config.update("jaxtyping_disable", True)
    torch.compiler.reset()
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def right_gradients(build: Build) -> None:
    """Gradients are those of finite differences."""
    module = stirred(build(TWO, 4)).double()
    plain, names = Plain(module), [f"sharing.{name}" for name, _ in module.named_parameters()]
    mask = torch.tensor([[True, False], [False, False]])
    features = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    values = torch.randn(2, 2, 4, dtype=torch.float64, requires_grad=True)

    def answer(features: Tensor, values: Tensor, *weights: Tensor) -> Tensor:
        given = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(plain, given, (features, values, mask))

    given = (features, values, *module.parameters())
    assert torch.autograd.gradcheck(answer, given, fast_mode=True)


def compiles(build: Build) -> None:
    """One graph, trained and asked."""
    module, given = stirred(build(TWO, WIDTH)), rows()
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    with unchecked():
        fast = torch.compile(module, fullgraph=True, backend="eager")
        assert torch.allclose(stacked(fast(*given)), stacked(module(*given)), atol=1e-6)
        module.train()
        found = []
        for run in (fast, module):
            module.zero_grad()
            stacked(run(*given)).square().cos().sum().backward()
            found.append([weight.grad for weight in module.parameters()])
    for one, two in zip(*found, strict=True):
        assert torch.allclose(one, two, atol=1e-4)


def exports(build: Build) -> None:
    """A program for any number of rows and tokens."""
    plain, (features, tokens) = Plain(stirred(build(TWO, WIDTH))), rows()
    free = torch.export.Dim.DYNAMIC
    shapes = ({0: free}, {0: free, 1: free}, {0: free, 1: free})
    with unchecked():
        given = (features, tokens.values, tokens.mask)
        program = torch.export.export(plain, given, dynamic_shapes=shapes).module()
        for count, length in ((2, 2), (7, 4)):
            features, tokens = rows(count, length)
            given = (features, tokens.values, tokens.mask)
            assert torch.allclose(program(*given), plain(*given), atol=1e-6)


def alone(build: Build) -> list[int]:
    """For each of three tasks, how many weights its loss moves and no other one's does."""
    module, (features, tokens) = stirred(build(("a", "b", "c"), WIDTH)), rows(16)
    moved = []
    for name in module.tasks:
        module.zero_grad()
        out = module(features, tokens)[name]
        (out * torch.linspace(-1, 2, out.numel()).view_as(out)).sum().backward()
        found = [
            (torch.zeros_like(weight) if weight.grad is None else weight.grad).flatten() != 0
            for weight in module.parameters()
        ]
        moved.append(torch.cat(found))
    every = torch.stack(moved)
    return [int((mask & (every.sum(0) == 1)).sum()) for mask in every]


def private(build: Build) -> None:
    """Each task has weights that no other task's loss reaches, and as many as any other."""
    counts = alone(build)
    assert min(counts) > 0
    assert len(set(counts)) == 1
