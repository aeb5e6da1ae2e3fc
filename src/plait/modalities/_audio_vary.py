"""Sounds as a training step should see them."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

DECIBEL = math.log(10) / 10
BAND_SHARE, TIME_SHARE = 0.15, 0.15
"""The widest mask, of all bands and of the frames of a sound."""


def shifted(
    frames: Float[Tensor, "batch frames mels"],
    lengths: Float[Tensor, " batch"],
    by: Float[Tensor, " batch"],
    speed: Float[Tensor, " batch"],
) -> Float[Tensor, "batch frames mels"]:
    """Sounds moved and stretched in time within their length, their first and last frame repeated.

    Args:
        frames: Padded behind.
        lengths: How many frames are there.
        by: The share of its length that a sound is moved to the front.
        speed: How fast it runs, around its middle; 1 is as it was.
    """
    last = (lengths - 1).clamp(min=0).unsqueeze(1)
    steps = torch.arange(frames.shape[1], device=frames.device)
    moved = (steps - last / 2) * speed.unsqueeze(1) + last / 2 + (by * lengths).unsqueeze(1)
    places = moved.round().clamp(min=0).minimum(last).long()
    return frames.gather(1, places.unsqueeze(2).expand_as(frames))


def within(
    length: Tensor, share: float, start: Tensor, size: Tensor, places: int
) -> Bool[Tensor, "batch places"]:
    """A run of places for each row, within its length.

    Args:
        length: Of each row, ``[batch]``.
        share: How much of the length the run has at most.
        start: Where it begins among the possible places, from 0 to 1, ``[batch]``.
        size: How much of the most it has, from 0 to 1, ``[batch]``.
        places: How many there are in all.

    Source:
        Park et al., "SpecAugment", 2019, arXiv 1904.08779, section 2: a size drawn evenly from 0 to
        the most, then a start drawn evenly from 0 to the length less the size. Differences: the
        most is a share of the length, for bands too; there is no time warping, for which a sound is
        stretched evenly, and masks hold the mean of training.
    """
    run = (size * (share * length + 1)).floor()
    begin = (start * (length - run + 1)).floor()
    steps = torch.arange(places, device=length.device)
    return (steps >= begin.unsqueeze(1)) & (steps < (begin + run).unsqueeze(1))


def shown(
    noise: Float[Tensor, "batch draws"], lengths: Float[Tensor, " batch"], frames: int, mels: int
) -> Bool[Tensor, "batch frames mels"]:
    """What is left when runs of bands and of frames are masked.

    Args:
        noise: Four numbers in [0, 1) for each pair of masks: start and size of a run of bands,
            start and size of a run of frames.
        lengths: How many frames each row has.
        frames: How many there are with padding.
        mels: How many bands.
    """
    batch = len(lengths)
    bands = torch.zeros(batch, mels, dtype=torch.bool, device=lengths.device)
    times = torch.zeros(batch, frames, dtype=torch.bool, device=lengths.device)
    for a, b, c, d in zip(*[noise[:, first::4].unbind(1) for first in range(4)], strict=True):
        bands = bands | within(torch.full_like(lengths, mels), BAND_SHARE, a, b, mels)
        times = times | within(lengths, TIME_SHARE, c, d, frames)
    return ~(bands.unsqueeze(1) | times.unsqueeze(2))
