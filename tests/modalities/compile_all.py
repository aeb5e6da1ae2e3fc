"""Compile every encoder and shortcut of the examples whole, as a script without type checks.

Says the name of each example whose parts gave the same, compiled, and stayed finite in training.
"""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from plait.data import Masked


def kit() -> ModuleType:
    """The examples of all modalities."""
    spec = spec_from_file_location("examples_of_all", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(module: nn.Module, cells: Masked) -> Tensor:
    out = module(cells)
    return out.values if isinstance(out, Masked) else out


def compile_whole(module: nn.Module, cells: Masked) -> None:
    """One graph, asked and trained."""
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    module.eval()
    torch.compiler.reset()
    fast = torch.compile(module, fullgraph=True, backend="eager")
    assert torch.allclose(read(fast, cells), read(module, cells), atol=1e-5), module
    module.train()
    read(fast, cells).sum().backward()
    assert all(weight.grad.isfinite().all() for weight in module.parameters()), module


class Asks(nn.Module):
    """A fault: the way on depends on a number that the device is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, cells: Masked) -> Masked:
        values = cells.values * self.weight
        return Masked(values if values.sum().item() > 0 else -values, cells.mask)


def fault_is_caught() -> bool:
    try:
        compile_whole(Asks(), Masked(torch.ones(2, 3), torch.ones(2, 3).bool()))
    except torch._dynamo.exc.TorchDynamoException:
        return True
    return False


def main() -> None:
    assert fault_is_caught()
    examples, done = kit(), set()
    for name, cases in examples.EXAMPLES.items():
        for place, each in enumerate(cases):
            case = examples.Case(*each)
            known = case.fitted()
            for module in (known.build(8), known.shortcut(3)):
                if module is None or (made_of := frozenset(map(type, module.modules()))) in done:
                    continue  # of other sizes only
                done.add(made_of)
                compile_whole(module, case.batch(known))
            print(f"{name}-{place}")


if __name__ == "__main__":
    main()
