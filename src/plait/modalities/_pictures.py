"""Files and bytes to pixels, within bounds."""

import io
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
from PIL import Image as Pillow, ImageOps, UnidentifiedImageError

from ._file_cells import FileCell, file_cells

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MOST_PIXELS = 50_000_000
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


def short_side(sources: Sources, most: int = 64) -> int:
    """The median of the shorter sides of some pictures; 0 if none can be read."""
    known = [item for item in sources.items if item is not None]
    sides = []
    with _quiet():
        for item in known[:: max(1, len(known) // most)]:
            try:
                with _open(item) as picture:
                    sides.append(min(picture.size))
            except UNREADABLE:
                continue
    return int(np.median(sides)) if sides else 0


def decode(
    sources: Sources,
    size: int,
    edge: int | None = None,
    resample: int = Pillow.Resampling.BILINEAR,
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """All pictures at one size, decoded by several threads.

    Args:
        sources: Where they are.
        size: Height and width.
        edge: How many pixels the shorter side would have, of which the middle is cut out; None
            squeezes the whole picture to a square.
        resample: Pillow's number of the filter.

    Returns:
        uint8 ``[rows, 3, size, size]``, which rows have a picture, and the numbers of the rows
        whose picture cannot be read.
    """
    pixels = np.zeros((len(sources.items), 3, size, size), np.uint8)
    there = np.zeros(len(sources.items), bool)

    def one(row: int) -> None:
        item = sources.items[row]
        if item is not None:
            try:
                pixels[row] = _pixels(item, size, edge, resample)
                there[row] = True
            except UNREADABLE:
                pass  # counted below

    with _quiet(), ThreadPoolExecutor() as pool:
        list(pool.map(one, range(len(sources.items)), chunksize=64))
    wrong = [row for row, item in enumerate(sources.items) if item is not None and not there[row]]
    return pixels, there, wrong


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
        raise ValueError(f"{size:,} bytes")
    picture = Pillow.open(io.BytesIO(item) if isinstance(item, bytes) else item, formats=FORMATS)
    # The header is known here, and nothing is decoded yet.
    if picture.width * picture.height > MOST_PIXELS:
        picture.close()
        raise ValueError(f"{picture.width} x {picture.height} pixels")
    return picture


def _pixels(item: Path | bytes, size: int, edge: int | None, resample: int) -> np.ndarray:
    with _open(item) as picture:
        picture.draft("RGB", (edge or size, edge or size))
        upright = _upright(picture)
        rgb = upright.resize(
            (size, size),
            Pillow.Resampling(resample),
            box=_middle(upright.size, size, edge) if edge else None,
            reducing_gap=2,
        )
        return np.asarray(rgb).transpose(2, 0, 1)


def _upright(picture: Pillow.Image) -> Pillow.Image:
    """What is seen of a picture, on white: turned as its file says, 8 bits for each color."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in ("I", "F"):
        # Pillow would cut these to 0 .. 255, which leaves all white or all black.
        raise ValueError("32 bits per channel")
    if upright.mode.startswith("I;16"):
        upright = Pillow.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    if "A" in upright.mode or "transparency" in upright.info:
        white = Pillow.new("RGBA", upright.size, "white")
        upright = Pillow.alpha_composite(white, upright.convert("RGBA"))
    return upright.convert("RGB")


def _middle(sides: tuple[int, int], size: int, edge: int) -> tuple[float, float, float, float]:
    """Where the middle lies, of a picture whose shorter side would be brought to some pixels.

    It is cut between whole pixels of the smaller picture, as the transformers library cuts it.
    """
    short = min(sides)
    small = [edge if side == short else int(edge * side / short) for side in sides]
    starts = [(side - size) // 2 for side in small]
    x, y = (side / pixels for side, pixels in zip(sides, small, strict=True))
    return starts[0] * x, starts[1] * y, (starts[0] + size) * x, (starts[1] + size) * y
