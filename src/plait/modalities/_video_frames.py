"""Frames out of moving pictures, within bounds."""

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from ._pictures import MOST_COPIED, MOST_PIXELS, UNREADABLE, Sources, _open, _quiet, told
from ._pixels import LARGE_ONES, is_large, lessened, turned, upright
from ._unread import TooLargeError

MOST_FRAMES = 5_000
MOST_MOVING = 1_000_000_000
"""Pixels of all frames of a file together."""
FILM = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv")
LARGE = 512
"""The longer side that frames are brought down to, in pixels."""


@dataclass(frozen=True)
class Frames:
    """The frames that were taken of one file.

    Args:
        files: Each as the bytes of a picture, in order; empty where there is no file, or one that
            cannot be read.
        left: Whether there were more.
        wrong: Why the file cannot be read: empty if it is damaged; None if it can.
        film: Whether it is a film, which takes a decoder that is not here.
    """

    files: list[bytes]
    left: bool = False
    wrong: str | None = None
    film: bool = False


def frames_of(sources: Sources, most: int) -> list[Frames]:
    """The frames of each file, decoded by several threads."""
    with _quiet(), ThreadPoolExecutor() as pool:
        return list(pool.map(lambda item: _frames(item, most), sources.items))


def _frames(item: Path | bytes | None, most: int) -> Frames:
    if item is None:
        return Frames([])
    try:
        if _is_film(item):
            return Frames([], film=True)
        with _open(item) as picture:
            large = is_large(picture)
        with LARGE_ONES if large else nullcontext():
            return _read(item, most)
    except UNREADABLE as error:
        return Frames([], wrong=told(error))


def _read(item: Path | bytes, most: int) -> Frames:
    with _open(item) as picture:
        count = getattr(picture, "n_frames", 1)
        if count > MOST_FRAMES or count * picture.width * picture.height > MOST_MOVING:
            raise TooLargeError(
                f"{count:,} frames of {picture.width:,} x {picture.height:,} pixels, at most "
                f"{MOST_FRAMES:,} frames and {MOST_MOVING:,} pixels in all are decoded"
            )
        wanted = moments(_durations(picture, count), most)
    # Anew: a GIF that has grown by a large frame would stay as large from its first one on.
    with _open(item) as picture:
        return Frames(_taken(picture, wanted), left=len(set(wanted.tolist())) < count)


def _is_film(item: Path | bytes) -> bool:
    if isinstance(item, Path):
        if item.suffix.lower() in FILM:
            return True
        with item.open("rb") as file:
            head = file.read(12)
    else:
        head = item[:12]
    return head[4:8] == b"ftyp" or head[:4] == b"\x1a\x45\xdf\xa3" or head[8:12] == b"AVI "


def _durations(picture: Pillow.Image, count: int) -> np.ndarray:
    found, total = [], 0
    large = MOST_PIXELS if count == 1 else MOST_COPIED
    for frame in range(count):
        picture.seek(frame)
        # Each frame may have a size of its own, which is known before it is decoded.
        pixels = picture.width * picture.height
        total += pixels
        if pixels > large or total > MOST_MOVING:
            raise TooLargeError(
                f"a frame of {pixels:,} pixels, {total:,} with those before, at most {large:,} in "
                f"one and {MOST_MOVING:,} in all are decoded"
            )
        picture.load()  # WebP tells how long a frame lasts only then
        found.append(float(picture.info.get("duration") or 0))
    return np.array(found)


def moments(durations: np.ndarray, most: int) -> np.ndarray:
    """The numbers of the frames that are seen at moments evenly spread over a file.

    Frames that all last alike are taken each once, if they are few enough. Where they differ,
    one that lasts long is seen more often: the place of a frame then says when it is seen.

    Args:
        durations: How long each frame lasts.
        most: How many moments there are at most.

    Example:
        >>> moments(np.full(8, 40.0), 4).tolist(), moments(np.array([10.0, 30.0]), 4).tolist()
        ([1, 3, 5, 7], [0, 1, 1, 1])
    """
    count = len(durations)
    alike = durations.max() <= durations.min() * 1.01 or not durations.sum()
    if alike:
        places = np.arange(count)
        return places[are_even(places, np.full(count, count), most)]
    ends = durations.cumsum()
    times = (np.arange(most) + 0.5) / most * ends[-1]
    return np.searchsorted(ends, times, side="right")


def are_even(places: np.ndarray, counts: np.ndarray, most: int) -> np.ndarray:
    """Which frames are taken, if ``most`` of a row's are to be spread evenly over it.

    The k-th is the frame in the middle of the k-th of as many stretches of one length.

    Args:
        places: The place of each frame in its row, from 0.
        counts: How many frames its row has.
        most: How many are taken of a row at most.

    Example:
        >>> are_even(np.arange(5), np.full(5, 5), 2).tolist()
        [False, True, False, True, False]
    """
    stretch = -((counts - 2 * places * most) // (2 * counts))
    middle = (2 * stretch + 1) * counts // (2 * most)
    return (counts <= most) | ((stretch < most) & (middle == places))


def _taken(picture: Pillow.Image, wanted: np.ndarray) -> list[bytes]:
    files: dict[int, bytes] = {}
    for frame in sorted(set(wanted.tolist())):
        picture.seek(frame)
        small = _small(picture)
        small.thumbnail((LARGE, LARGE))
        file = io.BytesIO()
        small.save(file, "PNG", compress_level=1)
        files[frame] = file.getvalue()
    return [files[frame] for frame in wanted.tolist()]


def _small(picture: Pillow.Image) -> Pillow.Image:
    if not is_large(picture):
        return upright(picture)
    width, height = picture.size
    less = max(1, max(width, height) // LARGE // 2)
    share = LARGE / max(width, height)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    small = lessened(picture, less, less)
    within = (0.0, 0.0, width / less, height / less)
    return turned(small.resize(size, Pillow.Resampling.BICUBIC, box=within), picture)
