"""Bags, videos and places for compilers and exporters, and in double precision."""

import subprocess
import sys
from collections.abc import Iterator

import jaxtyping
import pytest
import torch
from torch import nn

from plait.data import Masked, Table
from plait.modalities import Bag, Geo, Image, Modality, Vector, Video

VECTORS = {"x": [[[1.0, 2.0]], [[2.0, 5.0], [0.5, 4.0]], None, [[9.0, 8.0], None], [[1, 2]] * 3]}
PLACES = {"x": ["48.1, 11", "47.2, 12", None, "48.3, 12", "46, 10"]}
BAGS = [Bag(columns=("x",), of=Vector(), pool=pool) for pool in ("attention", "mean", "tokens")]


@pytest.fixture
def unchecked() -> Iterator[None]:
    """The type checks of the tests are no thing to compile."""
    jaxtyping.config.update("jaxtyping_disable", True)
    torch.compiler.reset()
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
    torch.compiler.reset()


@pytest.fixture(
    params=[*BAGS, Geo(columns=("x",)), Video(columns=("x",), of=Image(size=16), frames=3)],
    ids=["attention", "mean", "tokens", "geo", "video"],
)
def built(request, draw_picture) -> tuple[nn.Module, Masked]:
    part: Modality = request.param
    columns = {"Bag": VECTORS, "Geo": PLACES}.get(type(part).__name__)
    if columns is None:
        shots = [draw_picture(n) for n in range(5)]
        columns = {"x": [shots[:2], [shots[2], None, shots[3]], None, shots[:1], shots[2:5]]}
    known = part.fit(Table.of(columns))
    cells = known.pack(Table.of(columns)).cells
    module = known.build(8)
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    return module.eval(), cells.take(torch.tensor([0, 1, 3, 4, 1]))


class Plain(nn.Module):
    """Tensors in and one tensor out."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.module(Masked(values, mask)).values


COMPILED = """
import io
import torch
from PIL import Image as Pillow
from plait.data import Table
from plait.modalities import Bag, Geo, Image, Vector, Video

def shot(level):
    file = io.BytesIO()
    Pillow.new("L", (16, 16), level).save(file, "PNG")
    return file.getvalue()

vectors = {"x": [[[1.0, 2.0]], [[2.0, 5.0], [0.5, 4.0]], None, [[9.0, 8.0], None]]}
shots = {"x": [[shot(1), shot(9)], [shot(4), None, shot(7)], None, [shot(8)]]}
places = {"x": ["48.1, 11", "47.2, 12", None, "48.3, 12"]}
parts = [(Bag(columns=("x",), of=Vector(), pool=each), vectors)
         for each in ("attention", "mean", "tokens")]
parts += [(Geo(columns=("x",)), places), (Video(columns=("x",), of=Image(size=16)), shots)]
for part, columns in parts:
    known = part.fit(Table.of(columns))
    module = known.build(8).eval()
    cells = known.pack(Table.of(columns)).cells.take(torch.tensor([0, 1, 3]))
    fast = torch.compile(module, fullgraph=True, backend="eager")
    assert torch.allclose(fast(cells).values, module(cells).values, atol=1e-5), part
    module.train()
    assert fast(cells).values.isfinite().all(), part
"""


def test_compiled_in_one_piece():
    # In a process of its own: the type checks of the tests are no thing to compile.
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("unchecked")
def test_exported_for_any_number_of_rows_and_items(built):
    module, cells = built
    plain = Plain(module)
    free = torch.export.Dim.DYNAMIC
    sizes = {0: free, 1: free} if cells.mask.ndim > 1 else {0: free}
    program = torch.export.export(plain, cells.tensors(), dynamic_shapes=(sizes, sizes)).module()
    few = cells.take(torch.tensor([3, 1]))
    assert torch.allclose(program(*few.tensors()), plain(*few.tensors()), atol=1e-5)
    if cells.mask.ndim > 1:
        two = cells.mask[:, :2]
        short = Masked(cells.values[:, :2], two)
        assert torch.allclose(program(*short.tensors()), plain(*short.tensors()), atol=1e-5)


def test_double_precision(built):
    module, cells = built
    exact = module(cells).values
    values = cells.values.double() if cells.values.is_floating_point() else cells.values
    double = module.double()(Masked(values, cells.mask)).values
    assert double.dtype == torch.float64
    assert torch.allclose(double.float(), exact, atol=1e-4)


def test_gradients_are_those_of_small_steps(built):
    module, cells = built
    module, cells = module.double(), cells.take(torch.tensor([1, 3]))
    if not cells.values.is_floating_point():
        cells = Masked(cells.values[..., :8, :8].double(), cells.mask)
    values = cells.values.double().requires_grad_()
    call = Plain(module)
    assert torch.autograd.gradcheck(lambda each: call(each, cells.mask), values, fast_mode=True)
