"""Files and bytes to samples, within bounds."""

import io
import struct
import wave
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from plait._errors import ConfigError

from ._file_cells import FileCell
from ._unread import TooLargeError, reason

MOST_BYTES = 256 * 2**20
MOST_SAMPLES = 200_000_000
"""Over all channels: more than an hour of music in stereo."""
MOST_DECODED = 27_000_000
"""Samples of one channel that are decoded of a file: ten minutes at 44.1 kHz, 103 MiB."""
BLOCK = 1_000_000
"""Samples that are decoded at a time, over all channels."""
LONG = 4_000_000
"""Samples beyond which a sound is resampled block by block."""
MOST_CHANNELS = 32
RATES = range(1_000, 400_001)
FORMATS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "AIFF", "MP3", "MPEG")
HEADS = (b"RIFF", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b"ID3")
UNREADABLE = (OSError, ValueError, RuntimeError, EOFError, TypeError, LookupError, ArithmeticError,
              struct.error, wave.Error)  # fmt: skip
"""What the readers raise for damaged files."""
PLAIN = {1: np.uint8, 2: np.dtype("<i2"), 3: np.uint8, 4: np.dtype("<i4")}
Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Clip:
    """The samples of one file.

    Args:
        samples: One channel at the rate that was asked for, float32 ``[samples]``.
        rate: That of the file, in Hz.
        cut: Whether it goes on.
    """

    samples: np.ndarray
    rate: int
    cut: bool


@dataclass(frozen=True)
class _Header:
    rate: int
    channels: int
    frames: int

    def checked(self) -> "_Header":
        if self.channels > MOST_CHANNELS or self.rate >= RATES.stop:
            raise TooLargeError(
                f"{self.channels:,} channels at {self.rate:,} Hz, at most {MOST_CHANNELS} and "
                f"{RATES.stop - 1:,} Hz are read"
            )
        if self.rate < RATES.start or self.channels < 1 or self.frames < 0:
            raise ValueError(f"{self.channels} channels at {self.rate} Hz")
        if self.frames * self.channels > MOST_SAMPLES:
            raise TooLargeError(
                f"{self.frames * self.channels:,} samples, at most {MOST_SAMPLES:,} are read"
            )
        return self


class _Content(io.BytesIO):
    """Bytes in which a damaged file may ask for what lies before the beginning."""

    def seek(self, offset: int, whence: int = 0) -> int:
        return super().seek(offset if whence else max(0, offset), whence)


def each_of(
    items: Sequence[FileCell], one: Callable[[Path | bytes], Found], why: dict[int, str]
) -> list[Found | None]:
    """What a reader makes of each sound, by several threads.

    Args:
        items: The sounds.
        one: The reader.
        why: Takes the :func:`reason` of each that cannot be read, by its place.

    Returns:
        None where there is no sound, or it cannot be read.
    """

    def attempt(place: int) -> Found | None:
        item = items[place]
        if item is None:
            return None
        try:
            return one(item)
        except ConfigError:  # a package is missing: that is not the file's fault
            raise
        except UNREADABLE as error:
            why[place] = reason(error)
            return None

    with ThreadPoolExecutor() as pool:
        return list(pool.map(attempt, range(len(items))))


def rate_of(item: Path | bytes) -> int:
    """The sampling rate that a file's header tells, in Hz."""
    with _opened(item) as file:
        return _header(file).rate


def read(item: Path | bytes, rate: int, seconds: float) -> Clip:
    """The beginning of a file, as one channel.

    Integers are scaled to the range from -1 to 1, and channels are averaged.

    Args:
        item: A path, or the bytes of a file.
        rate: The sampling rate that is wanted.
        seconds: What is longer is cut.

    Raises:
        ConfigError: If it takes a package that is not installed.
        ValueError: If the file is damaged or beyond the bounds; one of :data:`UNREADABLE`.
    """
    with _opened(item) as file:
        header = _header(file)
        wanted = min(header.frames, max(1, int(seconds * header.rate)))
        if wanted > MOST_DECODED:
            raise TooLargeError(
                f"{wanted:,} samples in {wanted / header.rate:,.0f} seconds, at most "
                f"{MOST_DECODED:,} are decoded"
            )
        reader = _plain if isinstance(file, wave.Wave_read) else _decoded
        samples = _mixed(reader, file, wanted, header.channels)
    if len(samples) < wanted:
        raise ValueError(f"it ends after {len(samples):,} of {header.frames:,} samples")
    if not np.isfinite(samples).all():
        raise ValueError("it holds numbers that are not finite")
    if header.rate != rate and len(samples):
        samples = _resampled(samples, header.rate, rate)[: max(1, int(seconds * rate))]
    return Clip(np.ascontiguousarray(samples, np.float32), header.rate, wanted < header.frames)


def _mixed(
    reader: Callable[[Any, int], np.ndarray], file: Any, wanted: int, channels: int
) -> np.ndarray:
    """The mean of all channels. They are never there all together, however many there are."""
    mixed, done = np.empty(wanted, np.float32), 0
    while done < wanted:
        found = reader(file, min(max(1, BLOCK // channels), wanted - done))
        if not len(found):
            break
        mixed[done : done + len(found)] = found[:, 0] if channels == 1 else found.mean(1)
        done += len(found)
    return mixed[:done]


def _resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    soxr = _package("soxr")
    if len(samples) <= LONG:
        return soxr.resample(samples, rate, wanted)
    # All at once takes several times the room of the samples.
    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32")
    starts = range(0, len(samples), BLOCK)
    return np.concatenate([
        stream.resample_chunk(samples[start : start + BLOCK], last=start == starts[-1])
        for start in starts
    ])  # fmt: skip


def _opened(item: Path | bytes) -> Any:
    size = len(item) if isinstance(item, bytes) else item.stat().st_size
    if size > MOST_BYTES:
        raise TooLargeError(f"{size:,} bytes, at most {MOST_BYTES:,} are read")
    if isinstance(item, bytes):
        start = item[:4]
    else:
        with item.open("rb") as file:
            start = file.read(4)
    # MP3 has no name at its beginning but eleven bits that are set.
    if not start.startswith(HEADS) and not (start[:1] == b"\xff" and start[1:2] >= b"\xe0"):
        raise ValueError("it does not begin like a sound")
    if start == b"RIFF":
        try:
            return wave.open(io.BytesIO(item) if isinstance(item, bytes) else str(item), "rb")
        except (wave.Error, EOFError):  # not plain numbers, or damaged
            pass
    soundfile = _package("soundfile")
    return soundfile.SoundFile(_Content(item) if isinstance(item, bytes) else item)


def _header(file: Any) -> _Header:
    if isinstance(file, wave.Wave_read):
        if file.getsampwidth() not in PLAIN:
            raise ValueError(f"{file.getsampwidth()} bytes in a sample")
        return _Header(file.getframerate(), file.getnchannels(), file.getnframes()).checked()
    if file.format not in FORMATS:
        raise ValueError(f"format {file.format}")
    return _Header(file.samplerate, file.channels, file.frames).checked()


def _decoded(file: Any, wanted: int) -> np.ndarray:
    return file.read(wanted, dtype="float32", always_2d=True)


def _plain(file: wave.Wave_read, wanted: int) -> np.ndarray:
    width, channels = file.getsampwidth(), file.getnchannels()
    raw = file.readframes(wanted)
    raw = raw[: len(raw) - len(raw) % (width * channels)]
    if width == 3:  # to the upper bytes of 32 bits
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        numbers = wide.view("<i4")[:, 0]
    else:
        numbers = np.frombuffer(raw, PLAIN[width])
    if width == 1:
        scaled = (numbers.astype(np.float32) - 128) / 128
    else:
        scaled = (numbers / (2.0**15 if width == 2 else 2.0**31)).astype(np.float32)
    return scaled.reshape(-1, channels)


def _package(name: str) -> Any:
    try:
        if name == "soxr":
            import soxr

            return soxr
        import soundfile

        return soundfile
    except (ImportError, OSError) as error:  # OSError: the library behind it is not there
        what = (
            "Sounds of another sampling rate than `rate` need"
            if name == "soxr"
            else "Sounds other than plain WAV files need"
        )
        raise ConfigError(
            f"{what} the package {name!r}, which is not installed. Install it: "
            "pip install 'plait[audio]'"
        ) from error
