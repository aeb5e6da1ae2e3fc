"""Files and bytes to pixels, within bounds."""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image as Pillow, UnidentifiedImageError

from ._file_cells import FileCell, file_cells
from ._pixels import LARGE_ONES, as_seen, is_large, lessened, turned, upright
from ._unread import TooLargeError, reason

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MOST_PIXELS = 50_000_000
MOST_COPIED = 14_000_000
"""Pixels of a WebP and of a frame that moves, of which the decoders hold several copies."""
MOST_BYTES = 64 * 2**20
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, OverflowError,
              ArithmeticError, struct.error, zlib.error, UnidentifiedImageError,
              Pillow.DecompressionBombError, UserWarning, RuntimeWarning)  # fmt: skip
"""What Pillow raises for damaged files; a warning too, where warnings are errors."""


@dataclass(frozen=True)
class Sources:
    """Where the pictures of a column are.

    Args:
        items: For each row a path, the bytes, or None where there is no picture.
    """

    items: list[FileCell]

    @classmethod
    def of(cls, cells: pa.Array, column: str, root: Path | None) -> "Sources":
        """The pictures of a column, checked to exist and to lie within the data's folder.

        Raises:
            DataError: If a path does not exist or leads out of the folder, or the column holds
                neither paths nor bytes. The count and the first five are told.
        """
        return cls(file_cells(cells, column, root, "picture"))


def short_side(sources: Sources, most: int = 64) -> tuple[int, str]:
    """The median of the shorter sides of some pictures; 0 if none can be read, and why."""
    known = [item for item in sources.items if item is not None]
    sides, why = [], ""
    with _quiet():
        for item in known[:: max(1, len(known) // most)]:
            try:
                with _open(item) as picture:
                    sides.append(min(picture.size))
            except UNREADABLE as error:
                why = why or told(error)
    return int(np.median(sides)) if sides else 0, why


def decode(
    sources: Sources,
    size: int,
    edge: int | None = None,
    resample: int = Pillow.Resampling.BILINEAR,
) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """All pictures at one size, decoded by several threads.

    Args:
        sources: Where they are.
        size: Height and width.
        edge: How many pixels the shorter side would have, of which the middle is cut out; None
            squeezes the whole picture to a square.
        resample: Pillow's number of the filter.

    Returns:
        uint8 ``[rows, 3, size, size]``, which rows have a picture, and the numbers of the rows
        whose picture cannot be read, each with what is :func:`told` of it.
    """
    pixels = np.zeros((len(sources.items), 3, size, size), np.uint8)
    there = np.zeros(len(sources.items), bool)
    wrong: dict[int, str] = {}

    def one(row: int) -> None:
        item = sources.items[row]
        if item is not None:
            try:
                pixels[row] = _pixels(item, size, edge, resample)
                there[row] = True
            except UNREADABLE as error:
                wrong[row] = told(error)

    with _quiet(), ThreadPoolExecutor() as pool:
        list(pool.map(one, range(len(sources.items)), chunksize=64))
    return pixels, there, wrong


def told(error: Exception) -> str:
    """The :func:`reason` of a picture that cannot be read, in Pillow's own words too."""
    if isinstance(error, Pillow.DecompressionBombError | Pillow.DecompressionBombWarning):
        found = re.search(r"(\d+) pixels", str(error))
        size = f"{int(found[1]):,} pixels" if found else "too many pixels"
        return f"{size}, at most {MOST_PIXELS:,} are decoded"
    return reason(error)


@contextmanager
def _quiet() -> Generator[None]:
    # What Pillow has to say of a file is told in a note, with its row. Filters are shared by all
    # threads, so they are set before any is started.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        # A later frame may be larger than the header says.
        warnings.filterwarnings("error", category=Pillow.DecompressionBombWarning)
        yield


def _open(item: Path | bytes) -> Pillow.Image:
    size = len(item) if isinstance(item, bytes) else item.stat().st_size
    if size > MOST_BYTES:
        raise TooLargeError(f"{size:,} bytes, at most {MOST_BYTES:,} are read")
    picture = Pillow.open(io.BytesIO(item) if isinstance(item, bytes) else item, formats=FORMATS)
    # The header is known here, and nothing is decoded yet.
    most = MOST_COPIED if picture.format == "WEBP" else MOST_PIXELS
    if picture.width * picture.height > most:
        picture.close()
        raise TooLargeError(
            f"{picture.width:,} x {picture.height:,} pixels, at most {most:,} are decoded"
        )
    return picture


def _pixels(item: Path | bytes, size: int, edge: int | None, resample: int) -> np.ndarray:
    with _open(item) as picture:
        picture.draft("RGB", (edge or size, edge or size))
        if is_large(picture):
            with LARGE_ONES:
                rgb = _of_large(picture, size, edge, resample)
        else:
            whole = upright(picture)
            rgb = whole.resize(
                (size, size),
                Pillow.Resampling(resample),
                box=_middle(whole.size, size, edge) if edge else None,
                reducing_gap=2,
            )
        return np.asarray(rgb).transpose(2, 0, 1)


def _of_large(picture: Pillow.Image, size: int, edge: int | None, resample: int) -> Pillow.Image:
    """The same, by way of a picture of twice as many pixels as are wanted."""
    if edge is None:
        x, y = (max(1, side // size // 2) for side in picture.size)
        cut, box = (0, 0), (0.0, 0.0, *map(float, picture.size))
    else:
        short = min(picture.size)
        x = y = max(1, short // edge // 2)
        # Only the middle of a long one is looked at.
        cut = tuple(max(0, (side - short) // 2 - 2 * x) for side in picture.size)
        box = as_seen(_middle(picture.size, size, edge), picture)
    part = (cut[0], cut[1], picture.width - cut[0], picture.height - cut[1])
    small = lessened(picture, x, y, part)
    left, top, right, bottom = box
    within = ((left - cut[0]) / x, (top - cut[1]) / y, (right - cut[0]) / x, (bottom - cut[1]) / y)
    return turned(small.resize((size, size), Pillow.Resampling(resample), box=within), picture)


def _middle(sides: tuple[int, int], size: int, edge: int) -> tuple[float, float, float, float]:
    """Where the middle lies, of a picture whose shorter side would be brought to some pixels.

    It is cut between whole pixels of the smaller picture, as the transformers library cuts it.
    """
    short = min(sides)
    small = [edge if side == short else int(edge * side / short) for side in sides]
    starts = [(side - size) // 2 for side in small]
    x, y = (side / pixels for side, pixels in zip(sides, small, strict=True))
    return starts[0] * x, starts[1] * y, (starts[0] + size) * x, (starts[1] + size) * y
