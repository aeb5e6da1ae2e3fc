"""Columns of sounds."""

import pyarrow as pa
import pytest

from plait.schema._guess_input import guess_input

WAVE, WEBP = b"RIFF\x10\0\0\0WAVEfmt ", b"RIFF\x10\0\0\0WEBPVP8 "


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["a/1.wav", "b.FLAC", None, "c.ogg"], "Audio"),
        (["a.mp3", "b.mp3"], "Audio"),
        (["a.wav", "b.wav", "c", "d e f g"], "Categorical"),
        ([WAVE, b"fLaC\0", b"OggS\0", b"FORM\0\0\0\0AIFFCOMM", b"ID3\x03"], "Audio"),
        ([WEBP, WEBP], "Image"),
        ([WAVE, WEBP], "Image"),
        ([b"%PDF", WAVE], "ignore"),
    ],
)
def test_sounds_are_told_from_pictures_and_texts(cells, kind):
    assert guess_input("it", pa.array(cells)).kind == kind


def test_lists_of_sounds_are_bags():
    guess = guess_input("it", pa.array([["a.wav", "b.wav"], ["c.wav"]]))
    assert (guess.kind, guess.options) == ("Bag", (("of", "Audio"),))
