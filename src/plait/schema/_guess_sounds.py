"""Whether a column holds sounds."""

import pyarrow as pa
import pyarrow.compute as pc

from plait.data._cells import is_string

SOUND = r"(?i)\.(wav|flac|ogg|oga|mp3|aiff?)$"
HEADS = (b"fLaC", b"OggS", b"ID3")
SOME = 20


def are_sounds(cells: pa.Array) -> bool:
    """Whether cells hold paths of sounds, or their bytes.

    Example:
        >>> are_sounds(pa.array(["a/1.wav", "b.FLAC", None])), are_sounds(pa.array(["a.webp"]))
        (True, False)
        >>> are_sounds(pa.array([b"RIFF....WAVEfmt "])), are_sounds(pa.array([b"RIFF....WEBP"]))
        (True, False)
    """
    known = cells.drop_null()
    if not len(known):
        return False
    if is_string(cells.type):
        return pc.mean(pc.match_substring_regex(known, SOUND).cast(pa.float64())).as_py() > 0.9
    return all(
        cell.startswith(HEADS)
        or (cell[:4] in (b"RIFF", b"RF64") and cell[8:12] == b"WAVE")
        or (cell[:4] == b"FORM" and cell[8:11] == b"AIF")
        for cell in known.slice(0, SOME).to_pylist()
    )
