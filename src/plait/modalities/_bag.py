"""Several cells in each row."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from plait._errors import ConfigError, DataError
from plait.data import Masked, Note, Packed, Table

from ._bag_draw import per_item
from ._bag_encoder import BagEncoder, BagShortcut, Pool
from ._bag_inner import Inner
from ._bag_items import Items, refused
from ._base import STRICT, Draw, Modality
from ._image import Image


@dataclass(frozen=True, config=STRICT)
class Bag(Modality):
    """Several pictures, texts or other cells in each row, in no order, read by one encoder.

    A cell is a list of items (or one item, or text that is divided by a separator). Several
    columns make one bag of all that stands in them: four photos of a house in four columns are
    read by one encoder, which then learns from four times as many. Leave them inputs of their own
    where it matters which is which. Where the order matters, take :class:`~plait.modalities.Video`
    or a series.

    What is missing within a list is left out; a list with nothing in it is missing.

    Args:
        of: What an item is: any modality, as an object, by name (``"Text"``), or as a mapping of
            its type and options (``{"type": "Image", "size": 32}``). It is fitted to the items of
            all rows.
        most: Items beyond this many are cut off; such rows are counted.
        pool: ``"attention"`` weighs the items by a learned score, ``"mean"`` takes them alike;
            both make one token. ``"tokens"`` leaves each item a token of its own, for the fusion.
        separator: What divides the items where cells are text, as in a CSV file; left out, a text
            is one item.

    Raises:
        DataError: From :meth:`fit`, if there is no item, or the columns hold different types.

    Source:
        The poolings: see :class:`BagEncoder`.

    Example:
        >>> from plait.modalities import Text
        >>> table = Table.of({"notes": [["a red bag", "A shoe"], None, [], ["a red shoe", None]]})
        >>> notes = Bag(columns=("notes",), of=Text()).fit(table)
        >>> packed = notes.pack(table)
        >>> packed.cells.present.tolist(), *map(str, packed.notes)
        ([True, False, False, True], 'notes: 2 missing', 'notes: 1 missing items')
    """

    of: Inner = Image()
    most: PositiveInt = 16
    pool: Pool = "attention"
    separator: Annotated[str, Field(min_length=1)] | None = None

    # The base has them by class; of a bag each declaration has its own.
    @property
    def HIDE(self) -> bool:  # noqa: N802  # ty: ignore[incompatible-property-override]
        """As the modality of one item."""
        return self.of.HIDE

    @property
    def SEEN(self) -> int | None:  # noqa: N802  # ty: ignore[incompatible-property-override]
        """As the modality of one item."""
        return self.of.SEEN

    def fit(self, table: Table) -> "Bag":
        """A copy whose items know what they have to know of the items of all rows."""
        items, part = self._items(table), self._part
        if not len(items.cells):
            raise DataError(
                f"The input {part.column!r} should hold lists of cells. Found nothing in any of "
                "them. Leave the column out, or fill it."
            )
        return replace(self, of=part.fit(items.table(table, part.column)))

    def pack(self, table: Table) -> Packed:
        """The packed items of all rows: a :class:`~plait.data.Bagged` of ``[rows]``."""
        return self._items(table).packed(table, self._part)

    def refusal(self, notes: Sequence[Note], rows: int) -> str | None:
        """As the modality of one item, of all items."""
        return refused(self._part, self._part.column, notes, rows)

    def files(self, table: Table) -> list[Path]:
        """Those of the items."""
        part = self._part
        return part.files(self._items(table).table(table, part.column))

    def augment(self, cells: Masked, draw: Draw) -> Masked:
        """Each item as its modality varies it, by draws of its own."""
        batch, items = cells.mask.shape[:2]
        flat = Masked(cells.values.flatten(0, 1), cells.mask.flatten(0, 1))
        varied = self._part.augment(flat, per_item(draw, items))
        return Masked(
            varied.values.unflatten(0, (batch, items)), varied.mask.unflatten(0, (batch, items))
        )

    def build(self, width: int) -> nn.Module:
        """A :class:`BagEncoder` around the encoder of one item."""
        return BagEncoder(self._part.build(width), width, self.pool)

    def shortcut(self, outputs: int) -> nn.Module | None:
        """The mean of the shortcuts of all items, where an item has one."""
        each = self._part.shortcut(outputs)
        return None if each is None else BagShortcut(each, outputs)

    @property
    def _part(self) -> Modality:
        name = ", ".join(self.columns)
        if self.of.columns not in ((), (name,)):
            raise ConfigError(
                f"The columns of a bag are said once, outside. Found {list(self.of.columns)} in "
                f"`of` of the input {name!r}. Leave them out there."
            )
        return replace(self.of, columns=(name,))

    def _items(self, table: Table) -> Items:
        items = Items.of(table, self.columns, self.separator, gaps=False)
        beyond = items.places >= self.most
        if not beyond.any():
            return items
        rows = len(np.unique(items.rows[beyond]))
        note = Note(self._part.column, f"cut to {self.most} items", rows)
        return items.kept(~beyond, (note,))
