"""The spoken digits of FSDD: one sound to the digit and to who says it."""

import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait import Table


def fsdd(data: Path, on: str) -> tuple[dict, pa.Table, pa.Table | None, pa.Table, Path]:
    """The official split: takes 0 to 4 of each digit and speaker are for the test.

    For validation, takes 5 to 9 stand for them, and the others are trained on.
    """
    table = Table.of(data / "fsdd/labels.csv").arrow
    with zipfile.ZipFile(data / "fsdd/recordings.zip") as sounds:
        files = [sounds.read(f"recordings/{name}") for name in table["file"].to_pylist()]
    table = table.set_column(table.column_names.index("file"), "sound", pa.array(files))
    take = table["take"].to_numpy()
    test = pc.equal(table["split"], "test").to_numpy(zero_copy_only=False)
    if on == "valid":
        train, score = ~test & (take >= 10), ~test & (take < 10)
    else:
        train, score = ~test, test
    kept = ["sound", "digit", "speaker"]
    targets = {"digit": "Multiclass", "speaker": "Multiclass"}
    rows = [table.select(kept).take(pa.array(np.flatnonzero(each))) for each in (train, score)]
    return {"targets": targets, "inputs": {"sound": "Audio"}}, rows[0], None, rows[1], data
