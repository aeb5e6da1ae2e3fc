"""A model that PyTorch compiles."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from plait._errors import ConfigError


class Compiled:
    """A module in the form that ``torch.compile`` makes of it, with the same weights.

    Row counts are left open, so that batches of other sizes share one program; what depends on
    values (which rows are there) is left to Python in between. The module itself stays as it is.

    Args:
        model: The module.
        device: Where it is.

    Raises:
        ConfigError: If nothing can be compiled here.
    """

    def __init__(self, model: nn.Module, device: str) -> None:
        self.programs = 0
        _try(device)
        self.module: nn.Module = torch.compile(model, dynamic=True, backend=self._counted)  # ty: ignore[invalid-assignment]

    def _counted(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        self.programs += 1
        return torch._dynamo.lookup_backend("inductor")(graph, inputs)


def _try(device: str) -> None:
    """Compile next to nothing: without a compiler, all else would fail in the middle of a step."""
    try:
        torch.compile(_next, dynamic=True)(torch.zeros(3, device=device))
    except (RuntimeError, OSError, ImportError) as error:
        said = str(error).strip() or type(error).__name__
        raise ConfigError(
            "`compile=True` needs what torch.compile needs: a C++ compiler for the processor, "
            f"Triton for a GPU. It found neither for {device!r}: {said.splitlines()[0]} Install "
            "one, or leave `compile` off."
        ) from error


def _next(values: Tensor) -> Tensor:
    return values.sin() + 1
