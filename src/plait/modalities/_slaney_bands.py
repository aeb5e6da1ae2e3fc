"""Mel bands as voice encoders have them, each with the same area."""

import numpy as np

LINEAR = 200 / 3
"""Hz of a mel, up to 1 kHz."""
KNEE, STEP = 1000.0, np.log(6.4) / 27
"""Where the logarithm begins, and by how much it grows with each mel."""


def slaney_bands(rate: int, size: int, mels: int) -> np.ndarray:
    """Triangles over the bins of a spectrum, evenly spaced on the scale of the Auditory Toolbox.

    Use :func:`mel_bands` for what starts from nothing; this is for nets that were trained so.

    Args:
        rate: Samples in a second.
        size: Samples in a Fourier transform.
        mels: How many bands, from 0 Hz to half the rate.

    Returns:
        float64 ``[size // 2 + 1, mels]``; over frequency in Hz, each band has the area 1.

    Source:
        Slaney, "Auditory Toolbox", version 2, 1998, Interval Research Corporation, technical
        report 1998-010; its numbers are those of librosa's ``filters.mel``.

    Example:
        >>> bands = slaney_bands(16000, 400, 40)
        >>> round(float(bands[:, 20].argmax() * 16000 / 400))
        1760
    """
    top = KNEE / LINEAR + np.log(rate / 2 / KNEE) / STEP
    places = np.linspace(0, top, mels + 2)
    above = KNEE * np.exp(STEP * (places - KNEE / LINEAR))
    edges = np.where(places < KNEE / LINEAR, LINEAR * places, above)
    bins = np.arange(size // 2 + 1)[:, None] * (rate / size)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    area = (edges[2:] - edges[:-2]) / 2
    return np.maximum(0, np.minimum(rising, falling)) / area
