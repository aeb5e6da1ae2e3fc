"""Mel bands and frames against what their formulas say."""

import math

import numpy as np
import pytest
import torch

from plait.modalities._mel_bands import hertz, mel, mel_bands
from plait.modalities._mel_frames import FLOOR, MelFrames

RATE = 8000


def test_the_mel_scale_and_back():
    assert math.isclose(float(mel(700.0)), 2595 * math.log10(2))
    for frequency in (0.0, 440.0, 1000.0, 4000.0):
        assert math.isclose(float(hertz(mel(frequency))), frequency, abs_tol=1e-9)


@pytest.mark.parametrize(("rate", "size", "mels", "low", "high"),
                         [(8000, 512, 12, 0.0, None), (16000, 256, 20, 50.0, 6000.0)])  # fmt: skip
def test_bands_against_plain_loops(rate, size, mels, low, high):
    bands = mel_bands(rate, size, mels, low, high)
    top = 2595 * math.log10(1 + (high or rate / 2) / 700)
    bottom = 2595 * math.log10(1 + low / 700)
    edges = [700 * (10 ** ((bottom + (top - bottom) * k / (mels + 1)) / 2595) - 1)
             for k in range(mels + 2)]  # fmt: skip
    assert bands.shape == (size // 2 + 1, mels)
    for band in range(mels):
        left, middle, right = edges[band : band + 3]
        for place in range(size // 2 + 1):
            frequency = place * rate / size
            weight = 0.0
            if left < frequency <= middle:
                weight = (frequency - left) / (middle - left)
            elif middle < frequency < right:
                weight = (right - frequency) / (right - middle)
            assert math.isclose(float(bands[place, band]), weight, abs_tol=1e-9)


def test_frames_against_a_transform_written_out():
    frames = MelFrames(1000, 8)
    hop, window, size = 10, 25, 64
    assert (frames.hop, frames.window, frames.size) == (hop, window, size)
    samples = np.random.default_rng(0).normal(size=47)
    values, lengths = frames.of([samples])
    assert lengths.tolist() == [1 + 47 // hop]
    # Half a window before and behind each center; torch puts it into the middle of the transform.
    weights = [0.5 - 0.5 * math.cos(2 * math.pi * n / window) for n in range(window)]
    start = (size - window) // 2
    for frame in range(len(values)):
        power = []
        for place in range(size // 2 + 1):
            total = 0j
            for n in range(window):
                at = frame * hop - size // 2 + start + n
                sample = samples[at] if 0 <= at < len(samples) else 0.0
                angle = -2 * math.pi * place * (start + n) / size
                total += sample * weights[n] * complex(math.cos(angle), math.sin(angle))
            power.append(abs(total / sum(weights)) ** 2)
        for band in range(8):
            expected = sum(p * float(w) for p, w in zip(power, frames.bands[:, band], strict=True))
            assert math.isclose(float(values[frame, band]), math.log(expected + FLOOR),
                                abs_tol=1e-9)  # fmt: skip


@pytest.mark.parametrize("frequency", [220.0, 440.0, 1760.0, 3000.0])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_tone_peaks_in_the_band_around_it(frequency, rate):
    frames = MelFrames(rate, 40)
    tone = np.sin(2 * np.pi * frequency * np.arange(rate // 2) / rate)
    values, _ = frames.of([tone])
    peak = int(values[25].argmax())
    centers = [frames.center(band) for band in range(40)]
    nearest = min(range(40), key=lambda band: abs(float(mel(centers[band]) - mel(frequency))))
    assert peak == nearest
    # 1/4 in the bin of the tone, and some of that in each of its neighbors within the band.
    assert math.log(0.4) < float(values[25, peak]) < math.log(1.2)


def test_silence_is_the_floor_and_a_sound_twice_as_loud_lies_6_decibels_higher():
    frames = MelFrames(RATE, 20)
    quiet = np.random.default_rng(0).normal(0, 0.1, 2000)
    values, lengths = frames.of([np.zeros(800), quiet, 2 * quiet])
    first, second, third = values.split(lengths.tolist())
    assert torch.allclose(first, torch.full_like(first, math.log(FLOOR)))
    assert torch.allclose(third - second, torch.full_like(second, math.log(4)), atol=1e-3)


def test_a_sound_gives_the_same_whatever_stands_beside_it(monkeypatch):
    rng = np.random.default_rng(0)
    sounds = [rng.normal(size=n) for n in (500, 1, 80, 0, 3001, 79, 0, 1234)]
    frames = MelFrames(RATE, 20)
    together, lengths = frames.of(sounds)
    assert lengths.tolist() == [7, 1, 2, 0, 38, 1, 0, 16]
    parts = together.split(lengths.tolist())
    for sound, part in zip(sounds, parts, strict=True):
        assert torch.equal(frames.of([sound])[0].half(), part.half())
    monkeypatch.setattr("plait.modalities._mel_frames.SAMPLES", 600)
    again, counts = frames.of(sounds)
    assert torch.equal(counts, lengths)
    assert torch.equal(again.half(), together.half())


def test_bare_bands_are_counted():
    assert MelFrames(RATE, 64).bare == 0
    assert MelFrames(44100, 128).bare == 0
    assert MelFrames(RATE, 256).bare > 0
