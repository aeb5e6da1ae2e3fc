"""Where the sounds of a column are."""

from pathlib import Path

import pyarrow as pa

from plait._errors import DataError, listing
from plait.data._cells import is_bytes, is_string

from ._pictures import _filled, _looked_up

Sound = Path | bytes | None


def sounds_of(cells: pa.Array, column: str, root: Path | None) -> list[Sound]:
    """For each row a path, the bytes of a file, or None where there is no sound.

    Args:
        cells: Paths or bytes.
        column: The column's name, for messages.
        root: The folder that paths start from.

    Raises:
        DataError: If a path does not exist or leads out of the folder, or the column holds neither
            paths nor bytes. The count and the first five are told.
    """
    if is_bytes(cells.type):
        return [cell or None for cell in cells.to_pylist()]
    if not is_string(cells.type):
        raise DataError(
            f"The cells of the sound input {column!r} should be paths or bytes. Found {cells.type}."
        )
    if root is None:
        raise DataError(
            f"The paths of {column!r} should start from one folder. The files of this table lie in "
            "several. Give `root=`, or read the files one by one."
        )
    home = root.resolve()
    counts = {item["values"]: item["counts"] for item in cells.value_counts().to_pylist()}
    found = {text: _looked_up(home, text) for text in filter(_filled, counts)}
    outside = [text for text, (path, _) in found.items() if not path.is_relative_to(home)]
    absent = [text for text, (path, there) in found.items()
              if not there and path.is_relative_to(home)]  # fmt: skip
    problems = []
    if outside:
        problems.append(
            f"The sounds of {column!r} should lie in the data's folder. {len(outside):,} paths "
            f"lead out of it: {listing(outside)}. Move them, or give `root=`."
        )
    if absent:
        rows = sum(counts[text] for text in absent)
        problems.append(
            f"The sounds of {column!r} should exist. {rows:,} rows name files that do not: "
            f"{listing(absent)}. Paths start from {str(home)!r}; give `root=` to change that."
        )
    if problems:
        raise DataError(" ".join(problems))
    paths = {text: path for text, (path, _) in found.items()}
    return [paths.get(text) for text in cells.to_pylist()]
