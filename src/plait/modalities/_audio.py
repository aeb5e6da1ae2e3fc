"""Sounds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeInt
from pydantic.dataclasses import dataclass
from torch import nn

from plait._errors import ConfigError, DataError
from plait.data import Kept, Masked, Note, Packed, Table
from plait.data._cells import is_string

from ._audio_encoder import AudioEncoder
from ._audio_fit import AudioFit
from ._audio_pack import UNREAD, ScaledFrames, clips, packed
from ._audio_vary import DECIBEL, shifted, shown
from ._base import STRICT, Draw, Modality
from ._file_cells import file_cells
from ._ge2e_file import GE2E
from ._hf_folder import PREFIX
from ._mel_frames import MelFrames
from ._pretrained_sound import pretrained_sound, sound_encoder_files, sound_fit, sound_frames
from ._pretrained_tune import Decay, Tune, check_options, decay_of
from ._sound_fit import SoundFit
from ._sound_read import RATES, each_of, rate_of
from ._unread import refusal

SAMPLE = 1_000
"""Of how many sounds the mean and the deviation of each band are taken."""
Share = Annotated[float, Field(ge=0, le=0.5)]
Pretrained = Annotated[str, Field(pattern=rf"^({PREFIX}|{GE2E}).")]


@dataclass(frozen=True, config=STRICT)
class Audio(Modality):
    """A column of sounds: paths relative to the table, or the bytes of files.

    Channels are averaged, all sounds are brought to one sampling rate, and the power in mel bands
    is taken every 10 ms, once. Plain WAV files are read as they are; FLAC, OGG, MP3, AIFF and other
    WAV files take the extra ``audio``, and so does another sampling rate. A file of more than 256
    MiB, 32 channels or 200 million samples, or 27 million within ``seconds``, is refused before it
    is decoded. Up to 1 % of the files may be unreadable: they count as missing. A file of no length
    is missing too.

    The scratch encoder hears the shape of a sound, and little of how loud it is on the whole.

    A pretrained encoder gets sounds at the rate and in the form that it was trained with; take one
    where there are less than some hours of sound. A saved model holds all of it, and needs its
    folder no more.

    Args:
        encoder: ``"scratch"``, a small conv net over time and frequency that starts from nothing.
            ``"hf:NAME"`` is a pretrained encoder in the format of the transformers library: a
            folder, or else a model of the hub that is in its cache or may be fetched.
            ``"ge2e:FILE"`` is a voice encoder of the package resemblyzer, which tells speakers
            apart: its ``pretrained.pt``.
        tune: How much of a pretrained encoder is trained: ``"frozen"`` (nothing, the default),
            ``"last:k"`` (its last k blocks), ``"lora"`` (small matrices beside its attention) or
            ``"full"``. What is not trained is run once for each different sound. A voice encoder
            knows ``"frozen"`` and ``"full"``.
        layer_decay: With ``"full"`` and ``"last:k"``, the share of the learning rate that a block
            of a pretrained encoder takes of the one above it; left out, 0.9.
        rate: The sampling rate that all sounds are brought to, in Hz; left out, the one that most
            of the training files have, or that of a pretrained encoder.
        seconds: What is longer is cut, and counted.
        mels: How many mel bands there are; left out, 64.
        shift: By how much of its length a training step may see a sound moved in time.
        speed: By how much it may see it run faster or slower.
        gain: By how many decibels it may see it louder or softer.
        masks: How many runs of bands, and how many of frames, it sees masked. These four are for
            the scratch encoder; pretrained ones see sounds as they are.
        fitted: The rate, and the mean and the deviation of each band, or what has to be known of
            the pretrained encoder, found by :meth:`fit`.

    Raises:
        ConfigError: From :meth:`fit`, if an option does not go with the encoder, the pretrained
            encoder is not there or cannot be used, or a file takes a package that is not installed.
        DataError: From :meth:`fit`, if there is no sound; from :meth:`pack`, if paths do not exist
            or lead out of the data's folder, or too many sounds cannot be read.

    Source:
        Mel bands and frames: see :class:`MelFrames`. Masks: Park et al., "SpecAugment", 2019,
        arXiv 1904.08779; differences: see :func:`within`.
    """

    HIDE: ClassVar[bool] = True

    encoder: Literal["scratch"] | Pretrained = "scratch"
    tune: Tune | None = None
    layer_decay: Decay | None = None
    rate: Annotated[int, Field(ge=RATES.start, lt=RATES.stop)] | None = None
    seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    mels: Annotated[int, Field(ge=8, le=256)] | None = None
    shift: Share = 0.1
    speed: Share = 0.1
    gain: Annotated[float, Field(ge=0, le=40)] = 6.0
    masks: NonNegativeInt = 1
    fitted: AudioFit | SoundFit | None = None

    def fit(self, table: Table) -> "Audio":
        """A copy that knows the rate, and the mean and the deviation of each band."""
        column = self.column
        if self.encoder.startswith((PREFIX, GE2E)):
            return replace(self, fitted=self._pretrained())
        check_options(self.tune, self.layer_decay, self.encoder, column)
        known = [
            item
            for item in file_cells(table[column], column, table.root, "sound")
            if item is not None
        ]
        some = known[:: max(1, -(-len(known) // SAMPLE))]
        why: dict[int, str] = {}
        often = Counter(filter(None, each_of(some, rate_of, why))).most_common(1)
        rate, mels = self.rate or (often[0][0] if often else 0), self.mels or 64
        frames = MelFrames(rate or RATES.stop, mels)
        if rate and frames.bare:
            raise ConfigError(
                f"`mels` should be so few for {column!r} that each band holds a frequency of the "
                f"spectrum. With {mels} at {rate} Hz, {frames.bare} are empty. Take fewer."
            )
        sums, count = torch.zeros(2, mels, dtype=torch.float64), 0
        for found in clips(some, rate, self.seconds, why) if often else ():
            values, _ = frames.of([clip.samples for clip in found if clip is not None])
            sums += torch.stack([values.sum(0), values.square().sum(0)])
            count += len(values)
        if not count:
            told = next(filter(None, why.values()), "")
            raise DataError(
                f"The input {column!r} should hold sounds. Found none that can be read"
                f"{f' ({told})' * bool(told)}. Leave the column out, or mend it."
            )
        mean, square = sums / count
        std = (square - mean.square()).clamp(min=0).sqrt().clamp(min=0.01)
        fitted = AudioFit(rate, tuple(mean.tolist()), tuple(std.tolist()), len(table))
        return replace(self, fitted=fitted)

    def _pretrained(self) -> SoundFit:
        usual = {each.name: each.default for each in fields(self)}
        for name in ("rate", "mels", "shift", "speed", "gain", "masks"):
            if getattr(self, name) != usual[name]:
                raise ConfigError(
                    f"`{name}` should be left out for a pretrained encoder, which gets sounds as "
                    f"it was trained with them. Got {getattr(self, name)!r}."
                )
        tune = self.tune or "frozen"
        decay_of(tune, self.layer_decay, 1.0)
        return sound_fit(self.encoder, tune)

    def pack(self, table: Table) -> Packed:
        """Frames: float ``[frames, size]``, ragged over ``[rows]``."""
        if self.fitted is None:
            raise self.unfitted()
        column, rate, seconds = self.column, self.fitted.rate, self.seconds
        items = file_cells(table[column], column, table.root, "sound")
        if isinstance(self.fitted, SoundFit):
            frames = sound_frames(self.fitted, self.encoder)
            seconds = min(seconds, frames.seconds)
        else:
            frames = ScaledFrames(self.fitted)
        found = packed(items, frames.of, rate, seconds, column, table)
        why = None if table.part else self.refusal(found.notes, len(table))
        if why:
            raise DataError(why)
        return found

    def refusal(self, notes: Sequence[Note], rows: int) -> str | None:
        """More than 1 % of the sounds cannot be read."""
        causes = (
            "damaged, of another format, with samples that are no numbers, or larger than 256 MiB, "
            "32 channels, 200 million samples or 27 million within `seconds`"
        )
        return refusal(self.column, "sounds", notes, UNREAD, rows, causes)

    def files(self, table: Table) -> list[Path]:
        """The sounds that are named by a path, each once, and those of a pretrained encoder."""
        cells = table[self.column]
        own = sound_encoder_files(self.encoder)
        if table.root is None or not is_string(cells.type):
            return own
        named = cells.drop_null().unique().to_pylist()
        return own + [table.root / text for text in named if text.strip()]

    def augment(self, cells: Masked, draw: Draw) -> Masked:
        """Sounds moved, stretched, louder or softer, with runs of bands and frames masked."""
        if isinstance(cells, Kept) or isinstance(self.fitted, SoundFit):
            return cells
        if self.fitted is None:
            raise self.unfitted()
        noise, mask = draw(3 + 4 * self.masks), cells.mask
        hidden, spread = ~mask.unsqueeze(2), 2 * noise[:, :3] - 1
        values = cells.values.float().masked_fill(hidden, 0.0)
        lengths = mask.sum(1).to(noise.dtype)
        if self.shift or self.speed:
            speed = 1 + self.speed * spread[:, 1]
            values = shifted(values, lengths, self.shift * spread[:, 0], speed)
        louder = self.gain * DECIBEL * spread[:, 2].view(-1, 1, 1)
        values = values + louder / torch.tensor(self.fitted.std, device=values.device)
        seen = shown(noise[:, 3:], lengths, values.shape[1], values.shape[2])
        values = values.masked_fill(~seen | hidden, 0.0)
        return Masked(values.to(cells.values.dtype), mask)

    def build(self, width: int) -> nn.Module:
        """An :class:`AudioEncoder`, or the pretrained encoder."""
        if self.fitted is None:
            raise self.unfitted()
        if isinstance(self.fitted, SoundFit):
            tune = self.tune or "frozen"
            return pretrained_sound(self.fitted, self.encoder, tune, self.layer_decay, width)
        return AudioEncoder(len(self.fitted.mean), width)
