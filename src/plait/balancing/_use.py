"""One use of a weight."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.autograd.graph import Node


@dataclass(frozen=True)
class Use:
    """A place where a weight meets the rows of a batch.

    Args:
        node: What backward calls there; its gradient has rows.
        number: Which of what it hands on belongs to the weight.
        leaf: The weight.
        path: The nodes between them, such as a transpose, and the number of the input of each.
    """

    node: Node
    number: int
    leaf: Tensor
    path: Sequence[tuple[Node, int]]

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds of nodes on the way to the weight; changes of precision left out."""
        return tuple(name for node, _ in self.path if (name := node.name()) != "ToCopyBackward0")
