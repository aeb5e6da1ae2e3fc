"""How sounds are varied in training, and how the scratch encoder reads them."""

import math

import pytest
import torch
from torch import nn

from plait.data import Masked
from plait.modalities import Audio
from plait.modalities._audio_encoder import PARTS, AudioEncoder
from plait.modalities._audio_fit import AudioFit
from plait.modalities._audio_norm import MaskedGroupNorm
from plait.modalities._audio_vary import shifted, shown, within

MELS = 6
FIT = AudioFit(8000, (0.0,) * MELS, (2.0, 1.0, 0.5, 1.0, 1.0, 4.0), 9)


def batch() -> Masked:
    torch.manual_seed(0)
    lengths = torch.tensor([9, 4, 1, 0])
    mask = torch.arange(9) < lengths.unsqueeze(1)
    return Masked(torch.randn(4, 9, MELS).half(), mask)


def test_shift_and_speed_against_plain_loops():
    cells = batch()
    lengths = cells.mask.sum(1)
    by, speed = torch.tensor([0.25, -0.5, 0.3, 0.0]), torch.tensor([1.2, 0.7, 1.0, 1.0])
    found = shifted(cells.values.float(), lengths.float(), by, speed)
    for row in range(3):
        length = int(lengths[row])
        middle = (length - 1) / 2
        for step in range(length):
            place = (step - middle) * float(speed[row]) + middle + float(by[row]) * length
            place = min(length - 1, max(0, round(place)))
            assert torch.equal(found[row, step], cells.values[row, place].float())


def test_a_run_lies_within_its_length_and_is_as_wide_as_drawn():
    length = torch.tensor([40.0, 40.0, 40.0, 10.0, 1.0])
    start = torch.tensor([0.0, 0.999, 0.5, 0.999, 0.5])
    size = torch.tensor([0.999, 0.999, 0.0, 0.5, 0.9])
    runs = within(length, 0.25, start, size, 45)
    assert runs.sum(1).tolist() == [10, 10, 0, 1, 1]  # of 0.25 * 40 at most
    assert runs[0, :10].all()
    assert runs[1, 30:40].all()
    assert runs[3, 9]
    assert runs[4, 0]


def test_masks_are_the_union_of_all_runs():
    noise = torch.rand(3, 8)
    lengths = torch.tensor([30.0, 12.0, 5.0])
    both = shown(noise, lengths, 30, 20)
    each = [shown(noise[:, first : first + 4], lengths, 30, 20) for first in (0, 4)]
    assert torch.equal(both, each[0] & each[1])
    assert shown(noise[:, :0], lengths, 30, 20).all()
    bands = within(torch.full((3,), 20.0), 0.15, noise[:, 0], noise[:, 1], 20)
    times = within(lengths, 0.15, noise[:, 2], noise[:, 3], 30)
    assert torch.equal(each[0], ~(bands.unsqueeze(1) | times.unsqueeze(2)))


@pytest.mark.parametrize("gain", [0.0, 6.0])
def test_gain_adds_decibels_in_units_of_each_band(gain):
    cells = batch()
    part = Audio(columns=("x",), shift=0, speed=0, gain=gain, masks=0, fitted=FIT)
    draws = torch.tensor([0.0, 0.25, 0.75, 1.0]).view(-1, 1).expand(-1, 3)
    found = part.augment(cells, lambda count: draws[:, :count])
    assert torch.equal(found.mask, cells.mask)
    for row, share in enumerate((-1.0, -0.5, 0.5, 1.0)):
        more = share * gain * math.log(10) / 10 / torch.tensor(FIT.std)
        expected = (cells.values[row].float() + more)[cells.mask[row]]
        assert torch.allclose(found.values[row].float()[cells.mask[row]], expected, atol=4e-3)


def test_the_norm_is_group_norm_over_what_is_there():
    torch.manual_seed(0)
    norm, plain = MaskedGroupNorm(4, 8), nn.GroupNorm(4, 8)
    state = {"weight": torch.randn(8), "bias": torch.randn(8)}
    norm.load_state_dict(state)
    plain.load_state_dict(state)
    mask = torch.arange(7) < torch.tensor([7, 3, 1]).unsqueeze(1)
    maps = (3 + torch.randn(3, 8, 7, 5)) * mask[:, None, :, None]
    found = norm(maps, mask)
    for row, length in enumerate((7, 3, 1)):
        expected = plain(maps[row : row + 1, :, :length])[0]
        assert torch.allclose(found[row, :, :length], expected, atol=1e-4)
    assert norm(maps[:1] * 0, mask[:1] & False).isfinite().all()


def test_parts_look_at_their_share_of_a_sound():
    encode = AudioEncoder(MELS, 8)
    mask = torch.arange(12) < torch.tensor([12, 5, 1, 0]).unsqueeze(1)
    weights = encode._weights(mask)
    assert weights.shape == (4, 12, PARTS)
    assert torch.allclose(weights[:3].sum(1), torch.ones(3, PARTS))
    assert (weights[3] == 0).all()
    assert (weights[~mask] == 0).all()
    for part in range(PARTS):
        bells = [math.exp(-2 * (4 * ((t + 0.5) / 5 - (part + 0.5) / 4)) ** 2) for t in range(5)]
        expected = torch.tensor([each / sum(bells) for each in bells])
        assert torch.allclose(weights[1, :5, part], expected, atol=1e-5)


@pytest.mark.parametrize("mels", [8, 13, 64])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_the_encoder_takes_every_size(mels, frames):
    encode = AudioEncoder(mels, 8)
    cells = Masked(torch.randn(1, frames, mels), torch.ones(1, frames).bool())
    assert encode(cells).values.shape == (1, 1, 8)
