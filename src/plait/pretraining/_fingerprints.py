"""Which cells are the same."""

import torch
from jaxtyping import Int64
from torch import Tensor

from plait.data import Masked


def fingerprints(cells: Masked) -> Int64[Tensor, " batch"]:
    """A number for each row, the same for rows whose cells are the same.

    Different cells have different numbers but for one chance in about 2**60. What is masked has
    no say, and neither has padding.

    Args:
        cells: Cells of an input, of any dtype.

    Example:
        >>> cells = Masked(torch.tensor([[1.0], [2.0], [1.0]]), torch.ones(3, 1).bool())
        >>> one, two, three = fingerprints(cells).tolist()
        >>> one == three, one == two
        (True, False)
    """
    values, mask = cells.values, cells.mask
    if values.is_floating_point():
        values = values.float().view(torch.int32)
    shown = mask.view(*mask.shape, *[1] * (values.ndim - mask.ndim))
    whole = values.long().where(shown, 0).unsqueeze(-1).flatten(1)
    holes = mask.long().unsqueeze(-1).flatten(1)
    return _mixed(whole, 0) + _mixed(holes, 1)


def _mixed(numbers: Tensor, seed: int) -> Tensor:
    # A sum of odd multiples, modulo 2**64; the first factors are the same however many there are.
    generator = torch.Generator().manual_seed(seed)
    bound = 1 << 62
    factors = torch.randint(-bound, bound, numbers.shape[1:], generator=generator)
    return (numbers * (2 * factors + 1).to(numbers.device)).sum(1)
