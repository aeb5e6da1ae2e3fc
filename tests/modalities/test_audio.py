"""Sounds: what is read, what is counted, what is refused."""

import builtins
import io
import random
import struct
import wave

import numpy as np
import pytest
import torch

from plait.data import Table
from plait.modalities import Audio
from plait.modalities._audio_encoder import AudioEncoder
from plait.modalities._sound_read import read

soundfile = pytest.importorskip("soundfile", reason="writes the formats that are read here")
RNG = np.random.default_rng(0)
NOISE = RNG.uniform(-0.5, 0.5, 4000)


def wav(samples, rate=8000, width=2) -> bytes:
    """Samples from -1 to 1, ``[samples]`` or ``[samples, channels]``, as a plain WAV file."""
    samples = np.asarray(samples, np.float64)
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    numbers = np.round(samples.reshape(-1) * (2.0 ** (8 * width - 1) - 1)).astype("<i8")
    if width == 1:
        numbers = numbers + 128
    raw = numbers.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, width, rate, 0, "NONE", ""))
        writer.writeframes(raw)
    return file.getvalue()


def saved(samples, form, rate=8000, subtype=None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return file.getvalue()


GOOD = wav(NOISE)
PLAIN = Audio(columns=("x",)).fit(Table.of({"x": [GOOD]}))


def pack(cells, root=None, part=PLAIN):
    packed = part.pack(Table.of({"x": cells}, root=root))
    cells = packed.cells
    batch = cells.take(torch.arange(len(cells)))
    return batch.values.float(), cells.mask.tolist(), [str(n) for n in packed.notes]


def test_every_format_gives_the_same_frames():
    expected = pack([GOOD])[0]
    cells = [
        wav(NOISE, width=3), wav(NOISE, width=4), wav(np.stack([NOISE * 1.5, NOISE / 2], 1)),
        *[saved(NOISE, "WAV", subtype=kind) for kind in ("PCM_16", "PCM_24", "FLOAT", "DOUBLE")],
        saved(NOISE, "WAVEX", subtype="PCM_16"), saved(NOISE, "FLAC"), saved(NOISE, "AIFF"),
        saved(NOISE, "RF64"),
    ]  # fmt: skip
    values, mask, notes = pack(cells)
    assert (all(mask), notes) == (True, [])
    assert (values - expected).abs().max() < 0.02
    rough, mask, notes = pack([wav(NOISE, width=1), saved(NOISE, "OGG")])
    assert (all(mask), notes) == (True, [])
    assert (rough[:, :, :40] - expected[:, :, :40]).abs().mean() < 0.1
    assert (rough - expected).abs().max() > 0.02


def test_bytes_and_paths_give_equal_frames(tmp_path):
    cells = [GOOD, saved(NOISE, "FLAC"), saved(NOISE / 2, "OGG")]
    for number, cell in enumerate(cells):
        (tmp_path / f"{number}.txt").write_bytes(cell)  # the ending says nothing
    here, _, _ = pack(cells)
    there, mask, notes = pack(["0.txt", "./1.txt", "2.txt", None, " "], tmp_path)
    assert torch.equal(here, there[:3])
    assert mask == [True, True, True, False, False]
    assert notes == ["x: 2 missing"]


def test_a_struct_of_bytes_and_path_is_read(tmp_path):
    cells = [{"bytes": GOOD, "path": "somewhere.wav"}, {"bytes": None, "path": None}]
    values, mask, _ = pack(cells)
    assert mask == [True, False]
    assert torch.equal(values[:1], pack([GOOD])[0])


@pytest.mark.parametrize("path", ["../out.wav", "link.wav", "in/../../out.wav", "a\0b", "{all}"])
def test_paths_out_of_the_folder_are_refused(tmp_path, path):
    root = tmp_path / "data"
    (root / "in").mkdir(parents=True)
    (tmp_path / "out.wav").write_bytes(GOOD)
    (root / "link.wav").symlink_to(tmp_path / "out.wav")
    path = path.replace("{all}", str(tmp_path / "out.wav"))
    with pytest.raises(ValueError, match=r"'x' should lie in the data's folder. 1 paths lead out"):
        pack([path], root)


@pytest.mark.parametrize("path", ["none.wav", "in", ".", "x" * 5000])
def test_paths_that_are_no_file_are_refused(tmp_path, path):
    (tmp_path / "in").mkdir()
    (tmp_path / "ok.wav").write_bytes(GOOD)
    with pytest.raises(ValueError, match=r"sounds of 'x' should exist. 2 rows name files"):
        pack([path, "ok.wav", path], tmp_path)


def test_other_cells_are_refused():
    with pytest.raises(ValueError, match=r"'x' should be paths or bytes. Found int64"):
        pack([1, 2])
    with pytest.raises(ValueError, match=r"'x' should hold sounds. Found none that can be read"):
        Audio(columns=("x",)).fit(Table.of({"x": [b"no", None]}))
    with pytest.raises(ValueError, match=r"`mels` should be so few .* at 8000 Hz, \d+ are empty"):
        Audio(columns=("x",), mels=256).fit(Table.of({"x": [GOOD]}))


def test_up_to_one_percent_may_be_unreadable():
    bad = GOOD[:999]
    for rows in (100, 700):
        few = rows // 100
        cells = [bad] * few + [wav(NOISE[:200])] * (rows - few) + [None, b""]
        _, mask, notes = pack(cells)
        assert mask == [False] * few + [True] * (rows - few) + [False] * 2
        assert notes[0] == "x: 2 missing"
        assert notes[1].startswith(f"x: {few} sounds that cannot be read (row 0")
    with pytest.raises(ValueError, match=r"At most 1 % of the sounds .* 2 of 100 are \(rows .* 3,"):
        pack([None, None, GOOD, bad, *[wav(NOISE[:200])] * 97, bad])


def unread(cell) -> bool:
    _, mask, notes = pack([cell, *[wav(NOISE[:100])] * 99])
    assert all(mask[1:])
    return notes[0].startswith("x: 1 sounds that cannot be read (row 0") and not mask[0]


def test_samples_that_are_no_numbers_are_unreadable():
    for junk in (np.nan, np.inf):
        samples = NOISE.copy()
        samples[77] = junk
        assert unread(saved(samples, "WAV", subtype="FLOAT"))


def header(rate=8000, channels=1, size=8000) -> bytes:
    """A WAV file that promises so many bytes."""
    block = 2 * channels
    part = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * block % 2**32, block, 16
    )
    return b"RIFF" + struct.pack("<I", 36 + size) + b"WAVE" + part + struct.pack("<4sI", b"data",
                                                                               size)  # fmt: skip


@pytest.mark.parametrize(
    "cell",
    [header(size=2**31) + b"\0" * 80, header(rate=0) + b"\0" * 8000, header() + b"\0" * 300,
     header(rate=2_000_000) + b"\0" * 8000, header(channels=60, size=12000) + b"\0" * 12000,
     b"RIFF", b"fLaC" + b"\0" * 99, b"OggS", GOOD[:40], b"\xff\xfb" + b"\0" * 500, b"%PDF-1.4"],
    ids=["long", "no rate", "ends", "rate", "channels", "riff", "flac", "ogg", "head", "mp3",
         "pdf"],
)  # fmt: skip
def test_what_is_no_sound_or_beyond_the_bounds_is_unreadable(cell):
    assert unread(cell)


def test_too_many_bytes_or_samples_are_unreadable(monkeypatch):
    monkeypatch.setattr("plait.modalities._sound_read.MOST_BYTES", 5000)
    assert unread(GOOD)
    monkeypatch.setattr("plait.modalities._sound_read.MOST_BYTES", 10**6)
    monkeypatch.setattr("plait.modalities._sound_read.MOST_SAMPLES", 3000)
    assert unread(saved(NOISE, "FLAC"))
    with pytest.raises(ValueError, match=r"0: [\d,]+ samples, at most 3,000 are read"):
        pack([saved(NOISE, "FLAC")])


def test_no_more_is_decoded_than_the_bound(monkeypatch):
    monkeypatch.setattr("plait.modalities._sound_read.MOST_DECODED", len(NOISE) - 1)
    with pytest.raises(ValueError, match=r"0: [\d,]+ samples in \d+ seconds, at most [\d,]+ are"):
        pack([GOOD])
    with pytest.raises(ValueError, match=r"none that can be read \([\d,]+ samples in"):
        Audio(columns=("x",)).fit(Table.of({"x": [GOOD]}))


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_blocks_make_no_difference(monkeypatch, kind):
    both = np.stack([NOISE, NOISE[::-1]], 1)
    whole = read(saved(both, kind), 8000, 10.0).samples
    monkeypatch.setattr("plait.modalities._sound_read.BLOCK", 999)
    assert np.array_equal(read(saved(both, kind), 8000, 10.0).samples, whole)
    assert whole == pytest.approx(both.mean(1), abs=1e-4)


def test_damage_of_any_kind_is_unreadable_and_nothing_else():
    rng = random.Random(0)
    whole = [GOOD, saved(NOISE, "FLAC"), saved(NOISE, "OGG"), saved(NOISE, "AIFF")]
    cells = []
    for number in range(200):
        data = bytearray(whole[number % len(whole)])
        for _ in range(rng.choice([1, 3, 20])):
            data[rng.randrange(min(len(data), rng.choice([60, 4000])))] = rng.choice([0, 255, 7])
        cells.append(bytes(data[: rng.randrange(1, len(data))] if number % 4 == 0 else data))
    with pytest.raises(ValueError, match="may be unreadable"):
        pack(cells)


def test_a_file_of_no_length_is_missing_and_counted():
    _, mask, notes = pack([GOOD, wav([]), saved(np.zeros(0), "AIFF"), wav([0.5])])
    assert mask == [True, False, False, True]
    assert notes == ["x: 2 of no length"]


def test_what_is_long_is_cut_and_counted():
    part = Audio(columns=("x",), seconds=0.25).fit(Table.of({"x": [GOOD]}))
    values, _, notes = pack([GOOD, wav(NOISE[:2000]), saved(NOISE, "FLAC")], part=part)
    assert notes == ["x: 2 cut to 0.25 seconds"]
    assert values.shape[1] == 1 + 2000 // 80
    assert torch.equal(values[0], values[1])


def test_the_most_common_rate_is_taken_and_others_are_brought_to_it():
    pytest.importorskip("soxr", reason="resamples")
    time = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * 440 * time) / 2
    high = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100) / 2
    cells = [wav(tone[::2]), wav(tone, 16000), wav(tone[::2] / 3), saved(tone, "FLAC", 16000)]
    cells.append(saved(high, "WAV", 44100))
    part = Audio(columns=("x",)).fit(Table.of({"x": cells[:3]}))
    assert part.fitted.rate == 8000
    values, mask, notes = pack(cells, part=part)
    assert mask == [True] * 5
    assert notes == ["x: 2 resampled from 16000 Hz to 8000 Hz",
                     "x: 1 resampled from 44100 Hz to 8000 Hz"]  # fmt: skip
    band = int(values[0, 50].argmax())
    for row in (1, 3, 4):
        assert abs(values[row, 50, band] - values[0, 50, band]) < 0.02
    assert Audio(columns=("x",), rate=16000).fit(Table.of({"x": cells[:3]})).fitted.rate == 16000


def test_without_the_extra_plain_files_are_read_and_others_name_it(monkeypatch):
    cells = [saved(NOISE, "FLAC"), wav(NOISE, 16000)]
    real = builtins.__import__

    def missing(name, *rest):
        if name in ("soundfile", "soxr"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert pack([GOOD, b"junk", *[GOOD] * 99])[1][0]
    for cell in cells:
        with pytest.raises(ValueError, match=r"not installed. .* 'plait\[audio\]'"):
            pack([cell])


def test_files_are_those_that_are_named(tmp_path):
    table = Table.of({"x": ["a.wav", None, "b.wav", "a.wav", " "]}, root=tmp_path)
    assert PLAIN.files(table) == [tmp_path / "a.wav", tmp_path / "b.wav"]
    assert PLAIN.files(Table.of({"x": [GOOD]})) == []


def test_the_scratch_encoder_has_no_options_of_pretrained_ones():
    with pytest.raises(ValueError, match="`tune` should be left out for the encoder 'scratch'"):
        Audio(columns=("x",), tune="full").fit(Table.of({"x": [GOOD]}))
    assert isinstance(PLAIN.build(8), AudioEncoder)
