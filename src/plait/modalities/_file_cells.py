"""Where the files of a column are: pictures, films or sounds."""

import re
from pathlib import Path

import pyarrow as pa

from plait._errors import DataError, listing
from plait.data._cells import is_bytes, is_string

ELSEWHERE = re.compile(r"\s*([\\/]{2}|[A-Za-z][\w+.-]*:[\\/]{2}|(file|data):)", re.I)
"""How an address begins, or the name of another machine: not to be looked up, not even in vain."""
FileCell = Path | bytes | None
"""A path, the bytes of a file, or nothing."""


def file_cells(cells: pa.Array, column: str, root: Path | None, what: str) -> list[FileCell]:
    """The files of a column, checked to exist and to lie within the data's folder.

    Args:
        cells: Paths or bytes.
        column: The column's name, for messages.
        root: The folder that paths start from.
        what: What they are, for messages: ``"picture"``, ``"sound"``.

    Raises:
        DataError: If a path does not exist or leads out of the folder, or the column holds neither
            paths nor bytes. The count and the first five are told.
    """
    if is_bytes(cells.type):
        return [cell or None for cell in cells.to_pylist()]
    if not is_string(cells.type):
        raise DataError(
            f"The cells of the {what} input {column!r} should be paths or bytes. Found "
            f"{cells.type}. Leave the column out, or choose another kind of input."
        )
    if root is None:
        raise DataError(
            f"The paths of {column!r} should start from one folder. The files of this table lie in "
            "several. Give `root=`, or read the files one by one."
        )
    home = root.resolve()
    counts = {item["values"]: item["counts"] for item in cells.value_counts().to_pylist()}
    found = {text: _looked_up(home, text) for text in counts if text and text.strip()}
    outside = [text for text, (path, _) in found.items() if not path.is_relative_to(home)]
    absent = [text for text, (path, there) in found.items()
              if not there and path.is_relative_to(home)]  # fmt: skip
    problems = []
    if outside:
        problems.append(
            f"The {what}s of {column!r} should lie in the data's folder. {len(outside):,} paths "
            f"lead out of it: {listing(outside)}. Move them, or give `root=`; nothing is fetched "
            "from an address."
        )
    if absent:
        rows = sum(counts[text] for text in absent)
        problems.append(
            f"The {what}s of {column!r} should exist. {rows:,} rows name files that do not: "
            f"{listing(absent)}. Paths start from {str(home)!r}; give `root=` to change that."
        )
    if problems:
        raise DataError(" ".join(problems))
    paths = {text: path for text, (path, _) in found.items()}
    return [paths.get(text) for text in cells.to_pylist()]


def _looked_up(home: Path, text: str) -> tuple[Path, bool]:
    if "\0" in text or ELSEWHERE.match(text):
        return home.parent, False
    try:
        path = (home / text).resolve()
        return path, path.is_file()
    except (OSError, RuntimeError):  # too long a name, or links in a circle
        return home / "?", False
