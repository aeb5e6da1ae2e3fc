"""Packs that are made part by part, on the disk."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from plait._errors import together
from plait.data import Note, Source, Table
from plait.schema import Schema

from ._choices import Choices
from ._draft import Draft
from ._fitted import Fitted, part_rows
from ._held_back import others
from ._prepared import Prepared
from ._shelf import full

TRIAL = 256
"""From how many rows the size of a pack is guessed."""


def weight(found: Fitted, rows: int, trial: int = TRIAL) -> int:
    """About how many bytes a pack of so many rows takes, by a trial with some."""
    some = np.linspace(0, len(found.seen) - 1, min(trial, len(found.seen))).astype(np.int64)
    part = replace(found.seen.take(some), part=True)
    return int(found.schema.pack(part).nbytes / len(part) * rows)


def in_parts(
    data: Source, valid: Source | None, found: Fitted, choices: Choices, draft: Draft, key: str
) -> Prepared:
    """Pack a source part by part into a draft, which is closed.

    Raises:
        DataError: If a cell cannot be read, the source changes meanwhile, or the disk is full.
    """
    needed = weight(found, data.rows + (valid.rows if valid else 0))
    if needed > shutil.disk_usage(draft.folder).free:
        raise full(draft.folder, needed)
    schema, files = found.schema, set()
    with draft.writer("train") as train, draft.writer("valid") as kept:
        for part in data.parts(part_rows(data)):
            pack = schema.pack(part)
            numbers = np.arange(part.first, part.first + len(part))
            inside = np.flatnonzero(np.isin(numbers, found.held, assume_unique=True))
            pack = replace(pack, places=torch.from_numpy(numbers))
            if len(inside):
                # What happened to the cells is told once, with the training rows.
                kept.append(replace(pack.select(torch.from_numpy(inside)), notes=()))
                pack = pack.select(torch.from_numpy(others(len(part), inside)))
            train.append(pack)
            files |= _files(schema, part)
        for part in valid.parts(part_rows(valid)) if valid else ():
            kept.append(schema.pack(part))
            files |= _files(schema, part)
        told = [part.refusal(train.notes, data.rows) for part in schema.inputs.values()]
        together([why for why in told if why])
        if found.table is None:
            unseen = data.rows - len(found.held) - len(found.seen)
            train.note(Note("the table", "rows that no statistics are made of", unseen))
    draft.close(key, found.declared, schema, sorted(files), held=valid is None)
    packs = {
        name: pack
        for name, rows in (("train", train), ("valid", kept))
        if (pack := draft.read(name, mapped=rows.nbytes > choices.memory))
    }
    return Prepared(found.declared, schema, packs["train"], packs.get("valid"), valid is None)


def _files(schema: Schema, part: Table) -> set[Path]:
    return {path for modality in schema.inputs.values() for path in modality.files(part)}
