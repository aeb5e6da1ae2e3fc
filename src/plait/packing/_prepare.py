"""From a source to packs, by way of the shelf where there is one."""

import tempfile
import time
import warnings
from contextlib import ExitStack
from pathlib import Path

from plait._errors import ArtifactError, DataError, PlaitWarning
from plait.data import Source

from ._choices import Choices
from ._fitted import Fitted, fitted
from ._held_back import held_back
from ._in_memory import in_memory, kept_on_disk
from ._in_parts import in_parts, weight
from ._key import key_of
from ._prepared import Prepared
from ._shelf import Shelf

FEW = 8
"""Rows that show whether a pack is anywhere near the memory."""


def prepare(
    data: Source,
    valid: Source | None,
    choices: Choices,
    shelf: Shelf | None = None,
    worth: float = 0.0,
) -> Prepared:
    """Look at a table, fit a schema to its training rows, and pack it.

    What stands on the shelf is used as it is. What is larger than memory is read and packed part
    by part, and its packs stay on the disk.

    Args:
        data: The rows.
        valid: The rows to choose the best weights by; left out, some are held back.
        choices: What a pack depends on beside the rows.
        shelf: Where packs are kept.
        worth: How many seconds the work must have taken for its result to be kept.

    Raises:
        DataError: If the table cannot be used, changes while it is read, or the disk is full.
    """
    key = key_of(data, valid, choices) if shelf else None
    if shelf and key:
        try:
            if found := shelf.find(key, choices.memory):
                return _checked(found)
        except ArtifactError as error:
            told = f"A pack on disk is not used, and made again: {error}."
            warnings.warn(told, PlaitWarning, stacklevel=2)
    began, since = time.monotonic(), time.time_ns()
    held = held_back(data.rows, 0.0 if valid else choices.share, choices.seed)
    known = fitted(data, choices, held)
    if _heavy(known, data, valid, choices.memory):
        return _checked(_on_disk(data, valid, known, choices, shelf, key, since))
    table = known.table or data.table()
    other = valid.table() if valid else None
    found = in_memory(known, other)
    for source in filter(None, (data, valid)):
        source.check()
    _checked(found)
    if shelf and key and time.monotonic() - began >= worth:
        try:
            with shelf.draft(key, since) as draft:
                kept_on_disk(found, table, other, draft, key)
        except (OSError, DataError) as error:
            _not_kept(error)
    return found


def _heavy(known: Fitted, data: Source, valid: Source | None, memory: int) -> bool:
    sources = [each for each in (data, valid) if each]
    if known.table is None or any(each.nbytes > memory for each in sources):
        return True
    rows = sum(each.rows for each in sources)
    # Pixels take more room than paths: a few rows show how much. Most tables are far from it.
    return weight(known, rows, FEW) > memory / 2 and weight(known, rows) > memory


def _on_disk(
    data: Source,
    valid: Source | None,
    known: Fitted,
    choices: Choices,
    shelf: Shelf | None,
    key: str | None,
    since: int,
) -> Prepared:
    with ExitStack() as stack:
        try:
            draft = stack.enter_context(shelf.draft(key, since)) if shelf and key else None
        except OSError as error:
            _not_kept(error)
            draft = None
        if draft is None:
            # Files that are mapped stay until the last tensor that lies in them is gone.
            folder = tempfile.TemporaryDirectory(prefix="plait-", ignore_cleanup_errors=True)
            home = Path(stack.enter_context(folder))
            draft, key = stack.enter_context(Shelf(home).draft("pack", since)), "pack"
        return in_parts(data, valid, known, choices, draft, key or "pack")


def _not_kept(error: Exception) -> None:
    told = f"The packed table is not kept on disk: {error}"
    warnings.warn(told, PlaitWarning, stacklevel=4)


def _checked(found: Prepared) -> Prepared:
    valid = found.valid
    if valid and not any(part.mask.any() for part in valid.targets.values()):
        raise DataError(
            "The validation rows should have labels of at least one target. Found none. Give "
            "other rows, or `valid=0` to do without."
        )
    return found
