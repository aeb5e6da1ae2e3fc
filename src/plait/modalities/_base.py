"""What every modality promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from plait._errors import NotFittedError, SchemaError
from plait.data import Masked, Note, Packed, Table

Draw = Callable[[int], Tensor]
"""From a count to float ``[batch, count]`` in [0, 1), the same for a row wherever it is met."""

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

FAR = 1e9
"""Where scaled numbers end: a float32 still holds its square, and NaN is far away."""


@dataclass(frozen=True, config=STRICT)
class Modality(ABC):
    """An input: a column, or a named group of columns, of one kind.

    A modality is a value. :meth:`fit` returns a new one that knows what it has to know of the
    training rows; nothing is changed in place.

    Args:
        columns: The columns; left out, the one that bears the input's own name.
    """

    SEEN: ClassVar[int | None] = None
    """About how many rows, each counted as often as it is seen, an encoder of this kind learns
    from before it learns by heart; None where the number of steps matters more."""
    HIDE: ClassVar[bool] = False
    """Whether training hides this input now and then, as :class:`Training` says."""

    columns: tuple[str, ...] = field(default=(), kw_only=True)

    @abstractmethod
    def fit(self, table: Table) -> "Modality":
        """A copy that holds the statistics and vocabularies of the training rows."""

    @abstractmethod
    def pack(self, table: Table) -> Packed:
        """The cells as tensors, with false in the mask for each that is missing.

        Columns are worked on whole. Whatever is not taken as it stands (missing, unseen, cut,
        unreadable) is counted in the notes.
        """

    @abstractmethod
    def build(self, width: int) -> nn.Module:
        """A module from a batch of what :meth:`pack` gives to tokens ``[batch, tokens, width]``.

        It is given only rows of which something is there, and returns a
        :class:`~plait.data.Masked` with a mask ``[batch, tokens]``.
        """

    def refusal(self, notes: Sequence[Note], rows: int) -> str | None:
        """Why a whole column of which so much was lost should not be used; None if it may be.

        A part of a longer table (``table.part``) is not judged by itself: :meth:`pack` leaves that
        to whoever knows all parts. A leaf that loses nothing leaves this as it stands.

        Args:
            notes: The account of all cells.
            rows: How many there are.
        """
        return None

    def files(self, table: Table) -> list[Path]:
        """The files that the cells point to; when one of them changes, the data have changed.

        A leaf whose cells are all there is leaves this as it stands.
        """
        return []

    def shortcut(self, outputs: int) -> nn.Module | None:
        """A module from the cells straight to ``[batch, outputs]``, or None where there is none.

        What it gives is added to the outputs of all heads together: a linear model beside the
        deep one. A leaf without such a path leaves this as it stands.
        """
        return None

    def augment(self, cells: Masked, draw: Draw) -> Masked:
        """The same cells as a training step should see them.

        A leaf that varies nothing leaves this as it stands.

        Args:
            cells: A batch of what :meth:`pack` gives.
            draw: Gives so many numbers in [0, 1) for each row, which depend on seed, epoch and row
                and on nothing else, so that a run can be taken up again anywhere. Never draw from
                a stream.
        """
        return cells

    @property
    def column(self) -> str:
        """The column of a kind that takes just one.

        Raises:
            SchemaError: If there are several, or none yet.
        """
        if len(self.columns) != 1:
            raise SchemaError(
                f"An input of the kind {type(self).__name__} should have one column. Found "
                f"{list(self.columns)}. Make each an input of its own."
            )
        return self.columns[0]

    def unfitted(self) -> NotFittedError:
        """The error for one that has not seen a table."""
        return NotFittedError(
            f"{type(self).__name__}({', '.join(self.columns)}) has not seen a table yet: call "
            "`schema.fit(table)` first and use what it returns."
        )
