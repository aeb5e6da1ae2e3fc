"""Sounds to log-mel frames, many at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from ._mel_bands import hertz, mel, mel_bands

WINDOW, HOP = 0.025, 0.010
"""Seconds of a frame, and from one to the next."""
FLOOR = 1e-9
"""Added to the power of a band: 90 dB below the square of a full swing."""
SAMPLES = 2**19
"""About how many samples are transformed at a time."""
LONG = 4 * SAMPLES
"""Samples of a sound that is transformed by itself, piece by piece."""


@dataclass(frozen=True)
class MelFrames:
    """The logarithm of the power in each mel band, frame by frame.

    Frame ``t`` is centered at sample ``t * hop``; before and behind a sound there is silence. Its
    samples are weighted by a Hann window of 25 ms. A power is that of the transform divided by the
    sum of the window, so a sine of amplitude 1 has about 1/4 in its bin at any rate, and between a
    half and one in its band.

    All is computed in float64, so that a sound gives the same whatever is transformed beside it.

    Args:
        rate: Samples in a second.
        mels: How many bands.

    Example:
        >>> sine = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
        >>> frames = MelFrames(8000, 40)
        >>> values, lengths = frames.of([sine, sine[:400]])
        >>> values.shape, lengths.tolist()
        (torch.Size([107, 40]), [101, 6])
        >>> round(frames.center(int(values[50].argmax())))
        467
    """

    rate: int
    mels: int

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return max(1, round(HOP * self.rate))

    @property
    def window(self) -> int:
        """Samples in a frame."""
        return max(2, round(WINDOW * self.rate))

    @property
    def size(self) -> int:
        """Samples in a transform: the power of two from twice the frame on."""
        # So many that even the narrow bands at the bottom hold a bin.
        return 1 << (2 * self.window - 1).bit_length()

    @cached_property
    def bands(self) -> Float64[Tensor, "bins mels"]:
        """The weight of each bin in each band."""
        return mel_bands(self.rate, self.size, self.mels)

    @property
    def bare(self) -> int:
        """How many bands hold no bin."""
        return int((self.bands.sum(0) == 0).sum())

    def center(self, band: int) -> float:
        """The frequency in the middle of a band, in Hz."""
        return float(hertz((band + 1) * mel(self.rate / 2) / (self.mels + 1)))

    def of(
        self, sounds: Sequence[np.ndarray]
    ) -> tuple[Float64[Tensor, "frames mels"], Int64[Tensor, " sounds"]]:
        """The frames of all sounds end to end, and how many each has.

        Args:
            sounds: Samples of each; one without any has no frame.
        """
        counts = np.array([len(sound) for sound in sounds], np.int64)
        lengths = np.where(counts > 0, 1 + counts // self.hop, 0)
        found = [torch.zeros(0, self.mels, dtype=torch.float64)]
        for start, stop in _groups(counts):
            some = [sound for sound in sounds[start:stop] if len(sound)]
            if len(some) == 1 and len(some[0]) > LONG:
                found.append(self._of_long(some[0]))
            elif some:
                found.append(self._transformed(some))
        return torch.cat(found), torch.from_numpy(lengths)

    def _transformed(self, sounds: Sequence[np.ndarray]) -> Float64[Tensor, "frames mels"]:
        # All in one row of samples, each with so much silence around it that frames of one never
        # reach into another, and each begun at a multiple of the hop.
        lengths = np.array([1 + len(sound) // self.hop for sound in sounds])
        blocks = lengths - 1 + -(-self.size // self.hop)
        firsts = np.concatenate([[0], np.cumsum(blocks)])
        row = np.zeros(firsts[-1] * self.hop + self.size)
        for first, sound in zip(firsts[:-1] * self.hop + self.size // 2, sounds, strict=True):
            row[first : first + len(sound)] = sound
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self._bands_of(row)[torch.from_numpy(np.repeat(firsts[:-1], lengths) + within)]

    def _of_long(self, sound: np.ndarray) -> Float64[Tensor, "frames mels"]:
        """The same of one sound, piece by piece: its spectrum takes a hundred times its room."""
        frames, most = 1 + len(sound) // self.hop, max(1, SAMPLES // self.hop)
        # Small results between large pieces would keep the room of the pieces from being freed.
        found = torch.empty(frames, self.mels, dtype=torch.float64)
        row = np.empty((most - 1) * self.hop + self.size)
        for start in range(0, frames, most):
            first, some = start * self.hop - self.size // 2, min(most, frames - start)
            part = row[: (some - 1) * self.hop + self.size]
            there = sound[max(0, first) : first + len(part)]
            part[:] = 0
            part[max(0, -first) : max(0, -first) + len(there)] = there
            found[start : start + some] = self._bands_of(part)
        return found

    def _bands_of(self, row: np.ndarray) -> Float64[Tensor, "frames mels"]:
        window = torch.hann_window(self.window, dtype=torch.float64)
        spectrum = torch.stft(
            torch.from_numpy(row), self.size, self.hop, self.window, window,
            center=False, return_complex=True,
        )  # fmt: skip
        power = (spectrum.abs() / window.sum()).square()
        return (power.T @ self.bands + FLOOR).log()


def _groups(counts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Bounds of runs of sounds with about so many samples in all."""
    place = np.cumsum(counts) // SAMPLES
    long = np.flatnonzero(counts > LONG)  # which stay alone
    cuts = np.concatenate([np.flatnonzero(np.diff(place)) + 1, long, long + 1])
    yield from pairwise(np.unique([0, *cuts, len(counts)]).tolist())
