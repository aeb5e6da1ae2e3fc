"""The sounds of a column, brought to frames."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float16, Int64
from torch import Tensor

from plait.data import Note, Packed, Ragged, Table

from ._audio_fit import AudioFit
from ._file_cells import FileCell
from ._mel_frames import MelFrames
from ._sound_read import Clip, each_of, read
from ._unread import unread

UNREAD = "sounds that cannot be read"
CHUNK = 64
"""How many files are read at a time."""


Framed = Callable[[Sequence[np.ndarray]], tuple[Tensor, Tensor]]
"""From samples to the frames of all sounds end to end, and how many each has."""


@dataclass(frozen=True)
class ScaledFrames:
    """Log-mel frames, each band brought to mean 0 and deviation 1 over the training frames.

    Args:
        fitted: What the training frames were like.
    """

    fitted: AudioFit

    def of(
        self, sounds: Sequence[np.ndarray]
    ) -> tuple[Float16[Tensor, "frames mels"], Int64[Tensor, " sounds"]]:
        """The frames of all sounds end to end, and how many each has."""
        mean, std = torch.tensor([self.fitted.mean, self.fitted.std], dtype=torch.float64)
        found, lengths = MelFrames(self.fitted.rate, len(mean)).of(sounds)
        return ((found - mean) / std).half(), lengths


def clips(
    items: Sequence[FileCell], rate: int, seconds: float, why: dict[int, str]
) -> Iterator[list[Clip | None]]:
    """All sounds, some at a time; None where there is none, or none that can be read.

    Args:
        items: The sounds.
        rate: The sampling rate that is wanted.
        seconds: What is longer is cut.
        why: Takes what is told of each that cannot be read, by its place.
    """
    for start in range(0, len(items), CHUNK):
        wrong: dict[int, str] = {}
        some = items[start : start + CHUNK]
        yield each_of(some, lambda item: read(item, rate, seconds), wrong)
        why.update({start + place: told for place, told in wrong.items()})


def packed(
    items: Sequence[FileCell], framed: Framed, rate: int, seconds: float, column: str, table: Table
) -> Packed:
    """The frames of each row, and what was done to its sound.

    Args:
        items: The sounds.
        framed: What turns them into frames.
        rate: The sampling rate that they are brought to.
        seconds: What is longer is cut.
        column: The column's name, for the notes.
        table: Whose rows they are.
    """
    values, lengths = [], []
    wrong: dict[int, str] = {}
    rates: Counter[int] = Counter()
    empty = cut = 0
    for some in clips(items, rate, seconds, wrong):
        for clip in some:
            if clip is None:
                continue
            rates[clip.rate] += 1
            cut += clip.cut
            empty += not len(clip.samples)
        found, counts = framed([np.zeros(0) if clip is None else clip.samples for clip in some])
        values.append(found)
        lengths.append(counts)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), *lengths]).cumsum(0)
    cells = Ragged(torch.cat(values), offsets, offsets.diff() > 0)
    told = {
        "missing": sum(item is None for item in items),
        "of no length": empty,
        f"cut to {seconds:g} seconds": cut,
        **{
            f"resampled from {other} Hz to {rate} Hz": count
            for other, count in sorted(rates.items())
            if other != rate
        },
    }
    notes = [Note(column, what, count) for what, count in told.items() if count]
    notes += unread(column, UNREAD, wrong, table)
    return Packed(cells, tuple(notes))
