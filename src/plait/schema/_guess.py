"""What a column seems to be, and why."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError
from plait.data._cells import is_string, numbers, texts
from plait.modalities._datetime import FORMATS, moments

SAMPLE = 10_000
"""How many cells a guess looks at, spread over the whole column."""

CODE = re.compile(
    r"(^|[^a-z])(id|ids|code|codes|zip|zipcode|zip_code|postal|postcode|plz|sku|isbn|type|category|"
    r"class|label|digit|kind|group|cluster|region|district|brand|model|store|shop|product|item)$"
)
IDENTITY = re.compile(r"(^|[^a-z])(id|uuid|guid|key|index|idx|row|rowid|unnamed: ?\d+)$|^$")
SPLIT = re.compile(r"(^|[^a-z])(split|fold|subset|partition)([^a-z]|$)")
SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "holdout"}
PICTURE = r"(?i)\.(jpe?g|png|webp|gif|bmp|tiff?)$"
MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF")
SEPARATORS = ("|", ";", ",")


@dataclass(frozen=True)
class Guess:
    """A kind, and the reason in half a sentence.

    Args:
        kind: The name of a modality or a task type, or ``"ignore"``.
        why: What in the column speaks for it.
        options: Options that go with it, such as the separator of a list.
    """

    kind: str
    why: str
    options: tuple[tuple[str, str], ...] = ()


def sample(cells: pa.Array) -> pa.Array:
    """Some cells, evenly spread; the same ones each time."""
    if len(cells) <= SAMPLE:
        return cells
    places = np.linspace(0, len(cells) - 1, SAMPLE).astype(np.int64)
    return cells.take(pa.array(places))


def words(name: str) -> str:
    """A column's name in small letters, with CamelCase taken apart.

    Example:
        >>> words("ClothingID"), words("zip_code")
        ('clothing_id', 'zip_code')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip()).lower()


def are_numbers(cells: pa.Array) -> bool:
    """Whether text holds numbers and nothing else (but for codes that begin with a zero)."""
    text = texts(cells).drop_null()
    if not len(text) or pc.any(pc.match_substring_regex(text, r"^0\d")).as_py():
        return False
    return numbers(text)[1] == 0


def are_dates(cells: pa.Array) -> bool:
    """Whether text holds days or moments, all written in one of the usual forms."""
    text = texts(cells).drop_null()
    looks = r"^\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([T ][\d:.,]+)?( ?(Z|[+-]\d{2}:?\d{2}))?$"
    if not len(text) or not pc.all(pc.match_substring_regex(text, looks)).as_py():
        return False
    try:
        moments(text, FORMATS, "it")
    except DataError:
        return False
    return True


def are_pictures(cells: pa.Array) -> bool:
    """Whether cells hold paths of pictures, or their bytes."""
    known = cells.drop_null()
    if not len(known):
        return False
    if is_string(cells.type):
        return pc.mean(pc.match_substring_regex(known, PICTURE).cast(pa.float64())).as_py() > 0.9
    return all(cell.startswith(MAGIC) for cell in known.slice(0, 20).to_pylist())


def separator_of(cells: pa.Array) -> str | None:
    """What divides cells that hold several labels each, if they do.

    Cells are lists if many are divided, the parts are short, and there are more different cells
    than different parts: a comma inside a category does not make it a list.
    """
    known = texts(cells).drop_null()
    if not len(known):
        return None
    distinct = pc.count_distinct(known).as_py()
    for each in SEPARATORS:
        divided = pc.mean(pc.match_substring(known, each).cast(pa.float64())).as_py()
        if divided < 0.3:
            continue
        parts = texts(pc.split_pattern(known, each).flatten()).drop_null()
        kinds = pc.count_distinct(parts).as_py()
        length = pc.mean(pc.utf8_length(parts).cast(pa.float64())).as_py()
        if length < 25 and kinds < 0.2 * len(parts) and distinct > kinds:
            return each
    return None


def average_words(cells: pa.Array) -> float:
    """How many words a cell holds on average."""
    known = texts(cells).drop_null()
    if not len(known):
        return 0.0
    return float(pc.mean(pc.add(pc.count_substring_regex(known, r"\s+"), 1)).as_py())
