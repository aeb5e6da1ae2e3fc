"""Packs that are made at once, in memory."""

from dataclasses import replace

import torch

from plait._errors import DataError
from plait.data import Table

from ._draft import Draft
from ._fitted import Fitted
from ._held_back import others
from ._prepared import Prepared


def in_memory(found: Fitted, valid: Table | None) -> Prepared:
    """Pack the training rows and the validation rows.

    Raises:
        DataError: If a cell cannot be read; all problems at once.
    """
    table, held = found.table or found.seen, found.held
    try:
        train = found.schema.pack(found.seen)
        if len(held):
            kept = found.schema.pack(table.take(held))
            kept = replace(kept, places=torch.from_numpy(held))
            train = replace(train, places=torch.from_numpy(others(len(table), held)))
        else:
            kept = found.schema.pack(valid) if valid else None
    except DataError:
        if len(held):
            found.schema.pack(table)  # the same, told by the rows of the user's table
        raise
    return Prepared(found.declared, found.schema, train, kept, held=valid is None)


def kept_on_disk(
    found: Prepared, table: Table, valid: Table | None, draft: Draft, key: str
) -> None:
    """Write packs that are in memory into a draft, which is closed."""
    for name, pack in (("train", found.train), ("valid", found.valid)):
        if pack:
            with draft.writer(name) as writer:
                writer.append(pack)
    sources = [each for each in (table, valid) if each]
    parts = found.schema.inputs.values()
    files = {path for each in sources for part in parts for path in part.files(each)}
    draft.close(key, found.declared, found.schema, sorted(files), found.held)
