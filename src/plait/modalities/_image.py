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
from ._hf_folder import PREFIX
from ._pictures import Sources, decode, short_side
from ._pretrained_picture import pretrained_picture
from ._pretrained_picture_fit import PictureFit, encoder_files
from ._pretrained_tune import Decay, Tune, check_options, decay_of
from ._timm_file import TIMM
from ._unread import refusal, unread
from ._vit_encoder import ViTEncoder

FEW = 2_000
UNREAD = "pictures that cannot be read"
Pretrained = Annotated[str, Field(pattern=rf"^({PREFIX}|{TIMM}).")]


@dataclass(frozen=True, config=STRICT)
class Image(Modality):
    """A column of pictures: paths relative to the table, or the bytes of files.

    Pictures are turned upright, brought to RGB and to one square size, once. Formats are JPEG,
    PNG, WebP, GIF (first frame), BMP and TIFF; a picture of more than 50 megapixels (WebP: 14)
    or 64 MiB is refused before it is decoded. Up to 1 % of them may be unreadable: they count as
    missing.

    A pretrained encoder gets the pictures at the size, cut and scale that it was trained with;
    take one where there are less than some ten thousand pictures. A saved model holds all of it,
    and needs its folder no more.

    Args:
        encoder: ``"conv"``, a small conv net, or ``"vit"``, a small vision transformer; both
            start from nothing. ``"scratch"`` is the conv net, which learns from fewer pictures.
            ``"hf:NAME"`` is a pretrained encoder in the format of the transformers library: a
            folder, or else a model of the hub that is in its cache or may be fetched.
            ``"timm:NAME:PATH"`` is a net of the timm library with the weights of a file or a
            folder, and ``"timm:NAME"`` one with those that timm fetches.
        tune: How much of a pretrained encoder is trained: ``"frozen"`` (nothing, the default),
            ``"last:k"`` (its last k blocks), ``"lora"`` (small matrices beside its attention) or
            ``"full"``. What is not trained is run once for each different picture.
        layer_decay: With ``"full"`` and ``"last:k"``, the share of the learning rate that a block
            of a pretrained encoder takes of the one above it; left out, 0.75.
        size: Height and width in pixels; left out, the median of the shorter sides, at most 64,
            or the size of a pretrained encoder.
        flip: Whether a training step may see a picture mirrored.
        shift: By how much of its size a training step may see it shifted.
        rows: How many rows training has, found by :meth:`fit`.
        fitted: What has to be known of the pretrained encoder, found by :meth:`fit`.

    Raises:
        ConfigError: From :meth:`fit`, if an option does not go with the encoder, or the pretrained
            encoder is not there or cannot be used.
        DataError: From :meth:`pack`, if paths do not exist or lead out of the data's folder, or
            too many pictures cannot be read.
    """

    HIDE: ClassVar[bool] = True

    encoder: Literal["scratch", "conv", "vit"] | Pretrained = "scratch"
    tune: Tune | None = None
    layer_decay: Decay | None = None
    size: Annotated[int, Field(ge=8, le=1024)] | None = None
    flip: bool = True
    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    rows: int = 0
    fitted: PictureFit | None = None

    def fit(self, table: Table) -> "Image":
        """A copy that knows the size, and what has to be known of a pretrained encoder."""
        column = self.column
        if self.encoder.startswith((PREFIX, TIMM)):
            tune = self.tune or "frozen"
            decay_of(tune, self.layer_decay, 1.0)
            fitted = PictureFit.of(self.encoder, self.size, tune)
            return replace(self, size=fitted.size, rows=len(table), fitted=fitted)
        check_options(self.tune, self.layer_decay, self.encoder, column)
        side, why = self.size, ""
        if side is None:
            short, why = short_side(Sources.of(table[column], column, table.root))
            side = min(64, short)
        if not side:
            raise DataError(
                f"The input {column!r} should hold pictures. Found none that can be read"
                f"{f' ({why})' * bool(why)}. Leave the column out, or mend it."
            )
        return replace(self, size=max(8, side), rows=len(table))

    def pack(self, table: Table) -> Packed:
        """Pixels: uint8 ``[rows, 3, size, size]``, mask ``[rows]``."""
        if not self.rows or self.size is None:
            raise self.unfitted()
        column = self.column
        sources = Sources.of(table[column], column, table.root)
        if self.fitted is None:
            pixels, there, wrong = decode(sources, self.size)
        else:
            pixels, there, wrong = decode(
                sources, self.size, self.fitted.edge, self.fitted.resample
            )
        missing = sum(item is None for item in sources.items)
        notes = [Note(column, "missing", missing)] if missing else []
        notes += unread(column, UNREAD, wrong, table)
        if not table.part:
            why = self.refusal(notes, len(table))
            if why:
                raise DataError(why)
        return Packed(Masked(torch.from_numpy(pixels), torch.from_numpy(there)), tuple(notes))

    def refusal(self, notes: Sequence[Note], rows: int) -> str | None:
        """More than 1 % of the pictures cannot be read."""
        causes = "damaged, of another format, or larger than 50 megapixels (WebP: 14) or 64 MiB"
        return refusal(self.column, "pictures", notes, UNREAD, rows, causes)

    def files(self, table: Table) -> list[Path]:
        """The pictures that are named by a path, each once, and those of a pretrained encoder."""
        cells = table[self.column]
        own = encoder_files(self.encoder) if self.encoder.startswith((PREFIX, TIMM)) else []
        if table.root is None or not is_string(cells.type):
            return own
        # As they are written: a link on the way may be made to lead elsewhere.
        named = cells.drop_null().unique().to_pylist()
        return own + [table.root / text for text in named if text.strip()]

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
        """A :class:`ConvEncoder`, a :class:`ViTEncoder`, or the pretrained encoder."""
        if not self.rows or self.size is None:
            raise self.unfitted()
        # A few hundred pictures are learned by heart; there a smaller net that starts softly.
        small = self.rows < FEW
        if self.fitted is not None:
            return pretrained_picture(
                self.fitted,
                self.encoder,
                self.tune or "frozen",
                self.layer_decay,
                width,
                few=self.rows if small else None,
            )
        if self.encoder == "vit":
            return ViTEncoder(self.size, width)
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
