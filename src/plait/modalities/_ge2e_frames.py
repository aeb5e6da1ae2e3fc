"""Sounds as the GE2E voice encoder takes them."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from ._slaney_bands import slaney_bands

RATE, WINDOW, HOP, MELS = 16_000, 400, 160, 40
"""Its sampling rate; the samples of a frame, and from one to the next; its mel bands."""
BEYOND = 2
"""How many frames behind the last one whose center lies in a sound still reach into it."""
LEVEL = 10 ** (-30 / 20)
"""To what root mean square a softer sound is raised: 30 dB below full swing."""


class Ge2eFrames:
    """The power in 40 mel bands every 10 ms, over 25 ms, without a logarithm.

    A sound softer than -30 dBFS is made louder first, a louder one stays. Frame ``t`` is centered
    at sample ``160 t``, with silence before and behind the sound. There are as many as have their
    center in the sound, and :data:`BEYOND` more, which the padding of the last window shows to the
    net. A difference: the published code also cuts silence out (``webrtcvad``); here a sound is
    taken as it stands.

    Source:
        ``wav_to_mel_spectrogram`` and ``normalize_volume`` of Resemblyzer 0.1.4, on librosa 0.11.

    Example:
        >>> frames, lengths = Ge2eFrames().of([np.sin(np.arange(1600)), np.zeros(0)])
        >>> frames.shape, lengths.tolist()
        (torch.Size([13, 40]), [13, 0])
    """

    seconds = float("inf")
    """How much of a sound the net can take."""

    def of(
        self, sounds: Sequence[np.ndarray]
    ) -> tuple[Float32[Tensor, "frames mels"], Int64[Tensor, " sounds"]]:
        """The frames of all sounds end to end, and how many each has.

        Args:
            sounds: Samples of each, 16,000 in a second; one without any has no frame.
        """
        found = [self._one(sound) if len(sound) else np.zeros((0, MELS)) for sound in sounds]
        lengths = torch.tensor([len(each) for each in found], dtype=torch.int64)
        return torch.from_numpy(np.concatenate(found).astype(np.float32)), lengths

    @cached_property
    def _bands(self) -> np.ndarray:
        return slaney_bands(RATE, WINDOW, MELS)

    @cached_property
    def _window(self) -> np.ndarray:
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)

    def _one(self, sound: np.ndarray) -> np.ndarray:
        sound = sound.astype(np.float64)
        level = np.sqrt(np.mean(sound**2))
        if 0 < level < LEVEL:
            sound = sound * (LEVEL / level)
        half = WINDOW // 2
        padded = np.pad(sound, (half, half + (BEYOND + 1) * HOP))
        count = 1 + len(sound) // HOP + BEYOND
        windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
        power = np.abs(np.fft.rfft(windows * self._window)) ** 2
        return power @ self._bands
