"""Large pictures are seen as small ones are, and take less memory."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from plait.modalities import _pictures, _pixels, _video_frames
from plait.modalities._pictures import Sources, decode

RNG = np.random.default_rng(0)


def smooth(width: int, height: int, mode: str = "RGB") -> Pillow.Image:
    small = RNG.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    picture = Pillow.fromarray(small).resize((width, height), Pillow.Resampling.BICUBIC)
    if mode == "RGBA":
        picture.putalpha(Pillow.linear_gradient("L").resize((width, height)))
    return picture.convert(mode)


def file_of(picture: Pillow.Image, turn: int = 1, kind: str = "PNG") -> bytes:
    exif, file = Pillow.Exif(), io.BytesIO()
    exif[0x0112] = turn
    picture.save(file, kind, exif=exif)
    return file.getvalue()


def both(monkeypatch, file: bytes, **options) -> tuple[np.ndarray, np.ndarray]:
    """Its pixels the one way and the other."""
    found = []
    for large in (10**9, 100):
        monkeypatch.setattr(_pixels, "LARGE", large)
        monkeypatch.setattr(_pixels, "STRIP", 3_000)
        pixels, there, _ = decode(Sources([file]), 32, **options)
        assert there.all()
        found.append(pixels[0].astype(int))
    return found[0], found[1]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "L", "1", "I;16", "CMYK"])
def test_a_large_picture_of_any_kind_is_seen_as_a_small_one(monkeypatch, mode):
    picture = smooth(211, 333, "RGBA" if mode in ("RGBA", "LA") else "RGB")
    if mode == "I;16":
        picture = Pillow.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) << 8)
    else:
        picture = picture.convert(mode)
    small, large = both(monkeypatch, file_of(picture, kind="TIFF" if mode == "CMYK" else "PNG"))
    assert np.array_equal(small, large)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("edge", [None, 36])
def test_a_large_picture_is_turned_and_cut_alike(monkeypatch, turn, edge):
    for sides in ((211, 333), (340, 171)):
        small, large = both(monkeypatch, file_of(smooth(*sides), turn), edge=edge)
        assert np.abs(small - large).mean() < 1.5
        assert np.abs(small - large).max() < 16


@pytest.mark.parametrize("sides", [(3_001, 5), (5, 3_001), (70, 3_001)])
@pytest.mark.parametrize("edge", [None, 36])
def test_the_middle_of_a_long_picture(monkeypatch, sides, edge):
    small, large = both(monkeypatch, file_of(smooth(*sides)), edge=edge)
    assert np.abs(small - large).max() <= 16


@pytest.mark.parametrize("turn", [1, 6])
def test_a_large_frame_is_seen_as_a_small_one(monkeypatch, turn):
    monkeypatch.setattr(_video_frames, "LARGE", 40)
    file, found = file_of(smooth(211, 333), turn), []
    for large in (10**9, 100):
        monkeypatch.setattr(_pixels, "LARGE", large)
        (frame,) = _video_frames._frames(file, 4).files
        with Pillow.open(io.BytesIO(frame)) as picture:
            found.append(np.asarray(picture).astype(int))
    assert found[0].shape == found[1].shape
    assert np.abs(found[0] - found[1]).max() < 3


def test_what_the_decoder_copies_has_a_bound_of_its_own(monkeypatch):
    monkeypatch.setattr(_pictures, "MOST_COPIED", 211 * 333 - 1)
    file = io.BytesIO()
    smooth(211, 333).save(file, "WEBP")
    cells = [file.getvalue(), file_of(smooth(211, 333))]
    _, there, wrong = decode(Sources(cells), 32)
    assert there.tolist() == [False, True]
    assert wrong == {0: "211 x 333 pixels, at most 70,262 are decoded"}
