"""Laws about precision, gradients, compiling and export: each takes a class."""

import torch
from torch.func import functional_call

from plait.data import Masked
from plait.fusion import Fusion

from .parts import SIX, WIDTH, stirred, tokens, unchecked

SOME = SIX[1:3]


def half_precision(kind: type[Fusion]) -> None:
    """Mixed precision gives about the same, and takes inputs in either kind of number."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    exact = module(parts)
    low = {name: Masked(part.values.bfloat16(), part.mask) for name, part in parts.items()}
    # An input that is absent in the whole batch comes in single precision.
    gone = Masked(torch.zeros(5, 1, WIDTH), torch.zeros(5, 1).bool())
    mixed = {**low, "keys": parts["keys"]}
    with torch.autocast("cpu", torch.bfloat16):
        for given in (low, mixed, {**low, "keys": gone}):
            assert module(given).isfinite().all()
        assert torch.allclose(module(low).float(), exact, atol=0.2, rtol=0.2)
        assert torch.allclose(module(mixed).float(), exact, atol=0.2, rtol=0.2)


def gradients_are_right(kind: type[Fusion]) -> None:
    """In double precision, gradients are what small steps say."""
    module = stirred(kind(SOME, WIDTH)).double()
    parts = tokens(SOME, rows=3)
    names = [name for name, _ in module.named_parameters()]
    count = len(SOME)

    def call(*leaves: torch.Tensor) -> torch.Tensor:
        given = {
            name: Masked(values, parts[name].mask)
            for name, values in zip(SOME, leaves[:count], strict=True)
        }
        return functional_call(module, dict(zip(names, leaves[count:], strict=True)), (given,))

    values = [parts[name].values.double().requires_grad_() for name in SOME]
    assert torch.autograd.gradcheck(call, [*values, *module.parameters()], fast_mode=True)


def compiles_whole(kind: type[Fusion]) -> None:
    """The compiler takes it in one piece, in training too, and gives the same."""
    module = stirred(kind(SOME, WIDTH))
    torch.compiler.reset()
    with unchecked():
        compiled = torch.compile(module, fullgraph=True, backend="eager")
        parts = tokens(SOME)
        assert torch.allclose(compiled(parts), module(parts), atol=1e-6)
        module.train()
        assert compiled(parts).isfinite().all()
    torch.compiler.reset()


def exports(kind: type[Fusion]) -> None:
    """The exported program takes batches of another size, and gives the same."""
    module = stirred(kind(SOME, WIDTH))
    batch = torch.export.Dim("batch", min=2, max=1024)
    with unchecked():
        sizes = {name: [{0: batch}, {0: batch}] for name in SOME}
        program = torch.export.export(module, (tokens(SOME),), dynamic_shapes=(sizes,))
        run = program.module()
        for rows in (5, 9):
            parts = tokens(SOME, rows)
            assert torch.allclose(run(parts), module(parts), atol=1e-6)


NUMBERS = (half_precision, gradients_are_right)
PROGRAMS = (compiles_whole, exports)
LAWS = (*NUMBERS, *PROGRAMS)
