"""Which frequencies a mel band holds."""

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor


def mel(hertz: np.ndarray | float) -> np.ndarray:
    """Where a frequency lies on the mel scale.

    Source:
        O'Shaughnessy, "Speech Communication", 1987, p. 150: 2595 log10(1 + f / 700).

    Example:
        >>> round(float(mel(1000.0)))
        1000
    """
    return np.asarray(2595 * np.log10(1 + np.asarray(hertz, np.float64) / 700))


def hertz(mels: np.ndarray | float) -> np.ndarray:
    """The frequency of a place on the mel scale: the inverse of :func:`mel`."""
    return np.asarray(700 * (10 ** (np.asarray(mels, np.float64) / 2595) - 1))


def mel_bands(
    rate: int, size: int, mels: int, low: float = 0.0, high: float | None = None
) -> Float64[Tensor, "bins mels"]:
    """Triangles over the bins of a spectrum, evenly spaced on the mel scale.

    A band rises from the center of the one below it to 1 at its own center, and falls to the
    center of the one above it.

    Args:
        rate: Samples in a second.
        size: Samples in a Fourier transform.
        mels: How many bands.
        low: Where the lowest begins, in Hz.
        high: Where the highest ends; left out, half the rate.

    Returns:
        float64 ``[size // 2 + 1, mels]``.

    Source:
        Davis and Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word
        Recognition", 1980, section II; a difference: bands are spaced on the mel scale throughout,
        where theirs are linear up to 1 kHz.

    Example:
        >>> bands = mel_bands(8000, 512, 40)
        >>> round(float(bands[:, 20].argmax() * 8000 / 512))  # of 0 to 4000 Hz
        1156
    """
    top = rate / 2 if high is None else high
    edges = hertz(np.linspace(mel(low), mel(top), mels + 2))
    bins = np.arange(size // 2 + 1)[:, None] * (rate / size)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.from_numpy(np.clip(np.minimum(rising, falling), 0.0, None))
