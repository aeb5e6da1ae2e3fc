"""What compilers, exporters and optimizers may rely on, over everything the wing exports."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch
from torch import Tensor, nn

from plait.data import Masked

SEEN: dict[frozenset[type], str] = {}
"""Which example was the first whose module is made of such parts: others differ in sizes only."""


class Plain(nn.Module):
    """Tensors in and one tensor out."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        out = self.module(Masked(values, mask))
        return out.values if isinstance(out, Masked) else out


@pytest.fixture
def unchecked() -> Iterator[None]:
    """The type checks of the tests are no thing to compile."""
    jaxtyping.config.update("jaxtyping_disable", True)
    torch.compiler.reset()
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
    torch.compiler.reset()


def stirred(known) -> list[Plain]:
    """The encoder and the shortcut, if there is one, with weights that say something."""
    found = [Plain(part) for part in (known.build(8), known.shortcut(3)) if part is not None]
    for weight in nn.ModuleList(found).parameters():
        nn.init.normal_(weight, std=0.3)
    return [each.eval() for each in found]


def cut(cells: Masked, axis: int) -> Masked:
    """Only the first half of an axis."""
    few = [slice(None)] * axis + [slice(max(1, cells.mask.shape[axis] // 2))]
    return Masked(cells.values[tuple(few)], cells.mask[tuple(few)])


def test_compile_whole(examples):
    # In a process of its own: cells are made within the program, and the type checks of the tests
    # that wrap them are no thing to compile, even when they are switched off.
    script = Path(__file__).with_name("compile_all.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        f"{n}-{i}" for n, each in examples.items() for i in range(len(each))
    ]


@pytest.mark.usefixtures("unchecked")
def test_exports_for_any_number_of_rows(case):
    known = case.fitted()
    cells = case.batch(known)
    free = torch.export.Dim.DYNAMIC
    for module in stirred(known):
        made_of = frozenset(map(type, module.modules()))
        if SEEN.setdefault(made_of, str(case.part)) != str(case.part):
            continue
        shapes = ({0: free}, {0: free})
        program = torch.export.export(module, cells.tensors(), dynamic_shapes=shapes).module()
        for rows in (1, 7):
            few = cells.take(torch.arange(rows) % len(cells)).tensors()
            assert torch.allclose(program(*few), module(*few), atol=1e-5)


@pytest.mark.usefixtures("unchecked")
def test_bags_export_for_any_number_of_items(case):
    if not hasattr(case.part, "pool"):
        pytest.skip("only bags hold several items")
    known = case.fitted()
    cells = case.batch(known)
    free = torch.export.Dim.DYNAMIC
    for module in stirred(known):
        sizes = {0: free, 1: free}
        program = torch.export.export(module, cells.tensors(), dynamic_shapes=(sizes, sizes))
        few = cut(cells, 1).tensors()
        assert torch.allclose(program.module()(*few), module(*few), atol=1e-5)


def doubled(cells: Masked) -> Masked:
    values = cells.values.double() if cells.values.is_floating_point() else cells.values
    return Masked(values, cells.mask)


def test_double_precision(case):
    known = case.fitted()
    cells = case.batch(known)
    for module in stirred(known):
        exact = module(*cells.tensors())
        fine = module.double()(*doubled(cells).tensors())
        assert fine.dtype == torch.float64
        assert torch.allclose(fine.float(), exact, atol=1e-4, rtol=1e-4)


def test_gradients_are_those_of_small_steps(case):
    known = case.fitted()
    values, mask = doubled(case.batch(known).take(torch.arange(2))).tensors()
    if values.is_floating_point():
        # Statistics of the very rows that are shown stand on the edges of intervals, where a curve
        # bends and two slopes are right.
        values = (values * 0.9973 + 0.0137).requires_grad_()
    for module in stirred(known):
        module = module.double()
        names = [name for name, _ in module.named_parameters()]

        def call(values: Tensor, *weights: Tensor, module=module, names=names) -> Tensor:
            given = dict(zip(names, weights, strict=True))
            return torch.func.functional_call(module, given, (values, mask))

        assert torch.autograd.gradcheck(call, (values, *module.parameters()), fast_mode=True)
