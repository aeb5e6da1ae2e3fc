"""In which order each task looks at the others."""

import torch
from jaxtyping import Int
from torch import Tensor


def orders(seed: int, steps: int, tasks: int) -> Int[Tensor, "tasks others"]:
    """A random order of all other tasks for each task.

    Args:
        seed: The seed.
        steps: How many steps were taken.
        tasks: How many tasks there are.
    """
    drawn = _orders if torch.compiler.is_compiling() else _drawn
    return drawn(seed, steps, tasks)


def _drawn(seed: int, steps: int, tasks: int) -> Tensor:
    # The generator looks at 32 bits: seeds and steps are spread over them.
    generator = torch.Generator().manual_seed((seed * 2_654_435_761 + steps) % 2**32)
    lots = torch.rand(tasks, tasks, generator=generator, dtype=torch.float64)
    lots.fill_diagonal_(2.0)  # itself comes last, and is left out
    return lots.argsort(1)[:, : tasks - 1].contiguous()


_orders = torch.library.custom_op(
    "plait::orders", _drawn, mutates_args=(), schema="(int seed, int steps, int tasks) -> Tensor"
)


@_orders.register_fake
def _(seed: int, steps: int, tasks: int) -> Tensor:
    return torch.empty(tasks, tasks - 1, dtype=torch.int64)
