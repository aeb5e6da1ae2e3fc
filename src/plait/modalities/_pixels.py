"""What is seen of a picture, at its size or smaller, without taking much memory."""

from threading import BoundedSemaphore

import numpy as np
from PIL import ExifTags, Image as Pillow, ImageOps

LARGE = 4_000_000
"""Pixels beyond which a picture is made smaller strip by strip."""
STRIP = 1_000_000
"""Pixels of a strip, about."""
LARGE_ONES = BoundedSemaphore(2)
"""How many large pictures are decoded at a time, however many threads there are."""
TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""What brings a picture upright, by its orientation in EXIF."""
MIRRORED = {2: (True, False), 3: (True, True), 4: (False, True), 6: (False, True),
            7: (True, True), 8: (True, False)}  # fmt: skip
"""Whether it is seen from its right to its left then, and from its bottom to its top."""
Box = tuple[float, float, float, float]


def upright(picture: Pillow.Image) -> Pillow.Image:
    """What is seen of a picture, on white: turned as its file says, 8 bits for each color."""
    return seen(ImageOps.exif_transpose(picture))


def is_large(picture: Pillow.Image) -> bool:
    """Whether a picture should be made smaller strip by strip."""
    return picture.width * picture.height > LARGE


def turned(small: Pillow.Image, picture: Pillow.Image) -> Pillow.Image:
    """A smaller copy of a picture, upright as the file of the picture says."""
    turn = TURNS.get(_orientation(picture))
    return small if turn is None else small.transpose(turn)


def as_seen(box: Box, picture: Pillow.Image) -> Box:
    """A box of a picture, counted from where the upright one would begin."""
    left, top, right, bottom = box
    x, y = MIRRORED.get(_orientation(picture), (False, False))
    if x:
        left, right = picture.width - right, picture.width - left
    if y:
        top, bottom = picture.height - bottom, picture.height - top
    return left, top, right, bottom


def lessened(
    picture: Pillow.Image, x: int, y: int, box: tuple[int, int, int, int] | None = None
) -> Pillow.Image:
    """What is seen of a picture, smaller by whole factors, and not turned.

    Use it for large pictures: no more than one strip is there in more than one form. Pillow
    makes three copies of a whole picture on the way, of four bytes a pixel each.

    Args:
        picture: The picture.
        x: How many of its columns become one.
        y: How many of its rows become one.
        box: What of it is taken; None for all.
    """
    picture.load()
    left, top, right, bottom = box or (0, 0, *picture.size)
    small = Pillow.new("RGB", (-(-(right - left) // x), -(-(bottom - top) // y)))
    rows = max(1, STRIP // ((right - left) * y)) * y
    for start in range(top, bottom, rows):
        strip = seen(picture.crop((left, start, right, min(start + rows, bottom))))
        small.paste(strip.reduce((x, y)), (0, (start - top) // y))
    return small


def seen(picture: Pillow.Image) -> Pillow.Image:
    """8 bits for each color, on white."""
    if picture.mode in ("I", "F"):
        # Pillow would cut these to 0 .. 255, which leaves all white or all black.
        raise ValueError("32 bits per channel")
    if picture.mode.startswith("I;16"):
        picture = Pillow.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if "A" in picture.mode or "transparency" in picture.info:
        white = Pillow.new("RGBA", picture.size, "white")
        picture = Pillow.alpha_composite(white, picture.convert("RGBA"))
    return picture.convert("RGB")


def _orientation(picture: Pillow.Image) -> int:
    return picture.getexif().get(ExifTags.Base.Orientation, 1)
