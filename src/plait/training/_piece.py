"""Some of what was kept."""

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Piece:
    """What the still part of an encoder gave for some cells.

    Args:
        places: Which cells they are, int64 ``[cells]``.
        values: Their vectors end to end, float ``[entries, size]``.
        lengths: How many vectors each has, int64 ``[cells]``; None where it is one, for all of
            the cell together.
    """

    places: Int64[Tensor, " cells"]
    values: Float[Tensor, "entries size"]
    lengths: Int64[Tensor, " cells"] | None
