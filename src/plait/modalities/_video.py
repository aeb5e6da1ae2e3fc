"""Moving pictures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from plait._errors import ConfigError, DataError
from plait.data import Bagged, Masked, Note, Packed, Table, merged
from plait.data._cells import is_list

from ._bag_draw import per_row
from ._bag_inner import Inner
from ._bag_items import TOTAL, Items, nothing, refused
from ._base import STRICT, Draw, Modality
from ._image import Image
from ._pictures import Sources
from ._unread import refusal, unread
from ._video_encoder import VideoEncoder
from ._video_frames import are_even, frames_of

UNREAD = "videos that cannot be read"
CHUNK = 64
"""How many files are taken apart at a time."""
SAMPLE = 256
"""Of how many files the frames are looked at to fit."""


@dataclass(frozen=True, config=STRICT)
class Video(Modality):
    """A column of moving pictures: a list of frames in each cell, or an animated file.

    A list holds the paths or the bytes of pictures, evenly spaced in time; one that is null keeps
    its place. A file is an animated GIF, WebP or PNG, by path or bytes. Films (MP4, WebM and the
    like) take a decoder, which plait does not bring: extract frames, and give lists of them. Where
    the order of pictures says nothing, take :class:`~plait.modalities.Bag`.

    A picture encoder reads each frame, and one layer of attention reads the frames in time. Of
    longer videos evenly spread frames are taken, and such rows are counted. A file of more than
    64 MiB, 5,000 frames or 1,000 megapixels in all, or 14 in one frame, is refused
    before the frame that goes beyond is decoded. Up to 1 % of the files may be unreadable: they
    count as missing.

    Args:
        of: What a frame is: an ``Image``, as an object, by name, or as a mapping of its type and
            options.
        frames: How many frames are taken at most.

    Raises:
        DataError: If cells are films, or too many files cannot be read.

    Source:
        See :class:`VideoEncoder`.
    """

    HIDE: ClassVar[bool] = True

    of: Inner = Image()
    frames: Annotated[int, Field(ge=1, le=512)] = 16

    def fit(self, table: Table) -> "Video":
        """A copy whose frames know their size."""
        if not is_list(table[self.column].type):
            rows = np.linspace(0, len(table) - 1, min(len(table), SAMPLE)).astype(np.int64)
            table = replace(table.take(np.unique(rows)), part=True)
        items = self._items(table)
        if not len(items.cells.drop_null()):
            raise DataError(
                f"The input {self.column!r} should hold lists of pictures, or animated files. "
                "Found no frame that can be read. Leave the column out, or mend it."
            )
        return replace(self, of=self._part.fit(items.table(table, self.column)))

    def pack(self, table: Table) -> Packed:
        """The packed frames of all rows: a :class:`~plait.data.Bagged` of ``[rows]``."""
        part, cells = self._part, table[self.column]
        nothing(part)  # that has not been fitted is told before all else
        if is_list(cells.type):
            return self._items(table).packed(table, part)
        Sources.of(cells, self.column, table.root)  # every path is looked at before any is read
        found = []
        for start in range(0, len(table), CHUNK):
            some = np.arange(start, min(len(table), start + CHUNK))
            chunk = replace(table.take(some), part=True)
            found.append(self._items(chunk).packed(chunk, part))
        bags = [each.cells for each in found if isinstance(each.cells, Bagged)]
        notes = merged(
            note for each in found for note in each.notes if table.part or note.what != TOTAL
        )
        packed = Packed(Bagged.joined(bags), notes)
        why = None if table.part else self.refusal(notes, len(table))
        if why:
            raise DataError(why)
        return packed

    def refusal(self, notes: Sequence[Note], rows: int) -> str | None:
        """More than 1 % of the files, or of the frames, cannot be read."""
        causes = (
            "damaged, no pictures, or larger than 64 MiB, 5,000 frames or 1,000 megapixels (14 a "
            "frame)"
        )
        frames = [note for note in notes if note.what not in (UNREAD, "missing")]
        return refusal(self.column, "videos", notes, UNREAD, rows, causes) or refused(
            self._part, self.column, frames, rows
        )

    def files(self, table: Table) -> list[Path]:
        """The pictures, or the animated files, that are named by a path."""
        column = self.column
        if is_list(table[column].type):
            items = Items.of(table, self.columns, gaps=False)
            return self._part.files(items.table(table, column))
        return Image(columns=(column,)).files(table)

    def augment(self, cells: Masked, draw: Draw) -> Masked:
        """All frames of a row varied alike, as their modality varies one."""
        batch, frames = cells.mask.shape[:2]
        flat = Masked(cells.values.flatten(0, 1), cells.mask.flatten(0, 1))
        varied = self._part.augment(flat, per_row(draw, frames))
        return Masked(
            varied.values.unflatten(0, (batch, frames)), varied.mask.unflatten(0, (batch, frames))
        )

    def build(self, width: int) -> nn.Module:
        """A :class:`VideoEncoder` around the encoder of one frame."""
        return VideoEncoder(self._part.build(width), width)

    @property
    def _part(self) -> Modality:
        if not isinstance(self.of, Image) or self.of.columns not in ((), self.columns):
            raise ConfigError(
                "The frames of a video should be pictures, whose column is said once, outside: "
                f"of=Image(...). Found {type(self.of).__name__}({', '.join(self.of.columns)})."
            )
        return replace(self.of, columns=self.columns)

    def _items(self, table: Table) -> Items:
        cells = table[self.column]
        if not is_list(cells.type):
            return self._taken_apart(table, cells)
        items = Items.of(table, self.columns, gaps=True)
        counts = items.counts
        long = int((counts > self.frames).sum())
        if not long:
            return items
        wanted = are_even(items.places, np.repeat(counts, counts), self.frames)
        return items.kept(wanted, (self._cut(long),))

    def _taken_apart(self, table: Table, cells: pa.Array) -> Items:
        """The frames of animated files, as bytes."""
        column = self.column
        sources = Sources.of(cells, column, table.root)
        found = frames_of(sources, self.frames)
        films = [row for row, each in enumerate(found) if each.film]
        if films:
            raise DataError(
                f"The cells of {column!r} should be lists of pictures, or animated GIF, WebP or "
                f"PNG files. {len(films):,} are films, for example in row "
                f"{table.numbers(films[:1])[0]}: plait brings no decoder. Extract frames, for "
                "example by `ffmpeg -i clip.mp4 -vf fps=2 clip_%03d.jpg`, and put the list of "
                "their paths into the cell."
            )
        missing = sum(item is None for item in sources.items)
        notes = [Note(column, "missing", missing)] if missing else []
        wrong = {row: each.wrong for row, each in enumerate(found) if each.wrong is not None}
        notes += unread(column, UNREAD, wrong, table)
        left = sum(each.left for each in found)
        if left:
            notes.append(self._cut(left))
        frames = [file for each in found for file in each.files]
        rows = np.repeat(np.arange(len(found)), [len(each.files) for each in found])
        return Items(pa.array(frames, pa.large_binary()), rows, len(found), tuple(notes))

    def _cut(self, rows: int) -> Note:
        return Note(self.column, f"of which {self.frames} frames were taken", rows)
