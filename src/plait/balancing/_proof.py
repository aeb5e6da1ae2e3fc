"""What was found to hold for a structure of the graph."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Proof:
    """How rows lie in the gradients of a structure, compared with a pass for each loss.

    Args:
        strides: After how many numbers the next row begins, for each place that was seen; None
            where that did not show.
        ids: The loss of each row, when it was compared.
        late: Whether what was kept for backward is looked at after the pass.
    """

    strides: Mapping[tuple[int, int], int | None]
    ids: Int[Tensor, " batch"]
    late: bool = False

    def covers(self, places: Mapping[tuple[int, int], object], ids: Tensor) -> bool:
        """Whether it says enough of a graph of the same structure.

        Where losses reach what is shared at a place in which no rows show, such as a piece of a
        batch that was cut up, it holds only for the same rows.

        Args:
            places: The places in question.
            ids: The loss of each row.
        """
        if any(place not in self.strides for place in places):
            return False
        if all(self.strides[place] for place in places):
            return True
        return ids.shape == self.ids.shape and bool((ids == self.ids).all())
