"""The gradients of tasks where heads begin, kept as rows."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._numbers import count, inner, line, precision, shaped

Room = Callable[[int, int, Tensor, torch.dtype], Float[Tensor, "tasks numbers"]]
"""From the place of an edge, how many numbers a gradient has there, a tensor on the same device and
a type to a matrix with anything in it."""


class Tables:
    """For each edge where heads begin a matrix: the gradient of each task there is a row of it.

    Gradients are written down as they come, so that the memory of one serves the next.

    Args:
        places: The row of each loss; rows of other tasks are zero.
        room: Where matrices come from.
    """

    def __init__(self, places: Sequence[int], room: Room) -> None:
        self.places, self.room = places, room
        self.found: dict[int, tuple[Tensor, Tensor]] = {}
        """The matrix of each edge that a gradient reached, and what has the shape of one."""
        self.seen: set[tuple[int, int]] = set()

    def take(self, task: int, edge: int, grad: Tensor) -> None:
        """Write down what a loss gives an edge, or add it to what it gave before."""
        if edge not in self.found:
            made = self.room(edge, count(grad), grad, precision([grad]))
            self.found[edge] = made, torch.empty_like(grad, device="meta")
        row = self.found[edge][0][self.places[task]]
        if (task, edge) in self.seen:
            row += line(grad)
        else:
            self.seen.add((task, edge))
            row.copy_(line(grad))

    def done(self) -> list[int]:
        """The edges that were reached; what was not written is zero from here on."""
        reached = sorted(self.found)
        for edge in reached:
            written = {self.places[task] for task, other in self.seen if other == edge}
            for place, row in enumerate(self.found[edge][0]):
                if place not in written:
                    row.zero_()
        return reached

    @property
    def gramian(self) -> Float[Tensor, "tasks tasks"]:
        """The inner products of all rows, over all edges."""
        first, *others = [inner(table) for table, _ in self.found.values()]
        for other in others:
            first = first + other.to(first.device)
        return first

    @property
    def rows(self) -> Float[Tensor, "tasks numbers"]:
        """All in one matrix, an edge after the other."""
        tables = [self.found[edge][0] for edge in sorted(self.found)]
        return tables[0] if len(tables) == 1 else torch.cat(tables, 1)

    def mixed(self, weights: Float[Tensor, " tasks"]) -> list[Tensor]:
        """A weighted sum of the gradients at each edge that was reached."""
        return [
            shaped(weights.to(table.device, table.dtype) @ table, like)
            for _, (table, like) in sorted(self.found.items())
        ]

    def cut(self, flat: Float[Tensor, " numbers"]) -> list[Tensor]:
        """What is as long as one of :attr:`rows`, as a gradient for each edge that was reached."""
        likes = [self.found[edge][1] for edge in sorted(self.found)]
        pieces = flat.split([count(like) for like in likes])
        return [shaped(piece, like) for piece, like in zip(pieces, likes, strict=True)]
