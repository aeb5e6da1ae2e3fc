"""Pictures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from plait._errors import DataError
from plait.data import Masked, Note, Packed, Table
from plait.data._cells import is_string

from ._base import STRICT, Draw, Modality
from ._conv_encoder import ConvEncoder
from ._pictures import Sources, decode, short_side
from ._vit_encoder import ViTEncoder

FEW = 2_000
UNREAD = "pictures that cannot be read"
TOLERATED = 100
"""One in so many pictures may be unreadable."""


@dataclass(frozen=True, config=STRICT)
class Image(Modality):
    """A column of pictures: paths relative to the table, or the bytes of files.

    Pictures are turned upright, brought to RGB and to one square size, once. Formats are JPEG,
    PNG, WebP, GIF (first frame), BMP and TIFF; a picture of more than 50 megapixels or 64 MiB is
    refused before it is decoded. Up to 1 % of them may be unreadable: they count as missing.

    Args:
        encoder: ``"conv"``, a small conv net, or ``"vit"``, a small vision transformer; both
            start from nothing. ``"scratch"`` is the conv net, which learns from fewer pictures.
        size: Height and width in pixels; left out, the median of the shorter sides, at most 64.
        flip: Whether a training step may see a picture mirrored.
        shift: By how much of its size a training step may see it shifted.
        rows: How many rows training has, found by :meth:`fit`.

    Raises:
        DataError: From :meth:`pack`, if paths do not exist or lead out of the data's folder, or
            too many pictures cannot be read.
    """

    HIDE: ClassVar[bool] = True

    encoder: Literal["scratch", "conv", "vit"] = "scratch"
    size: Annotated[int, Field(ge=8, le=1024)] | None = None
    flip: bool = True
    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    rows: int = 0

    def fit(self, table: Table) -> "Image":
        """A copy that knows the size."""
        column = self.column
        side = self.size or min(64, short_side(Sources.of(table[column], column, table.root)))
        if not side:
            raise DataError(
                f"The input {column!r} should hold pictures. Found none that can be read. "
                "Leave the column out, or mend it."
            )
        return replace(self, size=max(8, side), rows=len(table))

    def pack(self, table: Table) -> Packed:
        """Pixels: uint8 ``[rows, 3, size, size]``, mask ``[rows]``."""
        if not self.rows or self.size is None:
            raise self.unfitted()
        column = self.column
        sources = Sources.of(table[column], column, table.root)
        pixels, there, wrong = decode(sources, self.size)
        missing = sum(item is None for item in sources.items)
        notes = [Note(column, "missing", missing)] if missing else []
        if wrong:
            few = tuple(f"row {row}" for row in table.numbers(wrong[:5]))
            notes.append(Note(column, UNREAD, len(wrong), few))
        if not table.part:
            why = self.refusal(notes, len(table))
            if why:
                raise DataError(why)
        return Packed(Masked(torch.from_numpy(pixels), torch.from_numpy(there)), tuple(notes))

    def refusal(self, notes: Sequence[Note], rows: int) -> str | None:
        """More than 1 % of the pictures cannot be read."""
        mine = [note for note in notes if note.column == self.column]
        wrong = [note for note in mine if note.what == UNREAD]
        lost = sum(note.count for note in wrong)
        there = rows - sum(note.count for note in mine if note.what == "missing")
        if lost * TOLERATED <= there:
            return None
        few = ", ".join(wrong[0].examples).replace("row ", "")
        return (
            f"At most 1 % of the pictures of {self.column!r} may be unreadable. {lost:,} of "
            f"{there:,} are (rows counted from 0: {few}"
            f"{', ...' * (lost > len(wrong[0].examples))}): damaged, of another format, or "
            "larger than 50 megapixels or 64 MiB. Mend or empty these cells."
        )

    def files(self, table: Table) -> list[Path]:
        """The pictures that are named by a path, each once."""
        cells = table[self.column]
        if table.root is None or not is_string(cells.type):
            return []
        # As they are written: a link on the way may be made to lead elsewhere.
        named = cells.drop_null().unique().to_pylist()
        return [table.root / text for text in named if text.strip()]

    def augment(self, cells: Masked, draw: Draw) -> Masked:
        """Some pictures mirrored, all shifted a little, edges repeated."""
        pixels, noise = cells.values, draw(3)
        side = pixels.shape[-1]
        if self.flip:
            pixels = torch.where((noise[:, 0] < 0.5).view(-1, 1, 1, 1), pixels.flip(3), pixels)
        most = round(self.shift * side)
        if most:
            starts = ((2 * most + 1) * noise[:, 1:3]).long()
            # One view of all windows of the picture with its edges repeated: each row takes one.
            windows = _framed(pixels, most).unfold(2, side, 1).unfold(3, side, 1)
            batch = torch.arange(len(pixels), device=pixels.device)
            pixels = windows.permute(0, 2, 3, 1, 4, 5)[batch, starts[:, 0], starts[:, 1]]
        return Masked(pixels, cells.mask)

    def build(self, width: int) -> nn.Module:
        """A :class:`ConvEncoder` or a :class:`ViTEncoder`."""
        if not self.rows or self.size is None:
            raise self.unfitted()
        if self.encoder == "vit":
            return ViTEncoder(self.size, width)
        # A few hundred pictures are learned by heart; there a smaller net that starts softly.
        small = self.rows < FEW
        return ConvEncoder(width, small=small)


def _framed(pixels: Tensor, edge: int) -> Tensor:
    """Pictures with their edges repeated; torch pads no bytes."""
    batch, channels, height, width = pixels.shape
    framed = pixels.new_empty(batch, channels, height + 2 * edge, width + 2 * edge)
    middle = framed[:, :, edge : edge + height]
    middle[..., edge : edge + width] = pixels
    middle[..., :edge] = pixels[..., :1]
    middle[..., edge + width :] = pixels[..., -1:]
    framed[:, :, :edge] = middle[:, :, :1]
    framed[:, :, edge + height :] = middle[:, :, -1:]
    return framed
