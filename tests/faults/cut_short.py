"""Files that are cut short or removed while they are read: ``cut_short.py FOLDER``, one JSON line.

A process of its own: where a file is mapped into memory, the system may end it (SIGBUS).
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from pyarrow import feather, parquet

import plait
from plait.training import Callback

ROWS = 40_000


class Harm(Callback):
    """Do something to some files after the third step."""

    def __init__(self, files: Callable[[], list[Path]], how: Callable[[Path], object]) -> None:
        self.files, self.how, self.steps, self.done = files, how, 0, 0

    def on_step(self, step: int, steps: int) -> None:
        self.steps += 1
        if self.steps == 3:
            # What is read ahead is there by then: a file that is cut while it is copied from ends
            # the process, which nothing can be done about.
            time.sleep(1.5)
            for file in self.files():
                self.how(file)
                self.done += 1


def cut(file: Path) -> None:
    os.truncate(file, 4096)


def learner(folder: Path, **more: object) -> plait.Learner:
    loop = plait.Training(epochs=2, device="cpu", batch_size=2048, guard="off")
    return plait.Learner(["y"], training=loop, width=8, cache=str(folder / "cache"), **more)


def told(work: Callable[[], object]) -> str:
    """How it has ended."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 (what it is, is what is told)
        return f"{type(error).__name__}: {error}"
    return "done"


def trained(folder: Path, form: str, memory: float, how: Callable[[Path], object]) -> list:
    """A training whose files are harmed, those of the packed table or the table itself."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    table = pa.table({name: draw.normal(size=ROWS) for name in "xwy"})
    file = folder / f"rows.{form}"
    if form == "parquet":
        parquet.write_table(table, file, row_group_size=5000)
    else:
        feather.write_feather(table, file, compression="uncompressed")

    def packs() -> list[Path]:
        found = (folder / "cache").rglob("*.safetensors")
        return [each for each in found if each.stat().st_size > 2**16]

    harm = Harm(packs if form == "parquet" else lambda: [file], how)
    made = learner(folder, memory=memory)
    return [told(lambda: made.fit(file, callbacks=[harm])), harm.done]


if __name__ == "__main__":
    torch.set_num_threads(1)
    home = Path(sys.argv[1])
    found = {
        "pack cut": trained(home / "a", "parquet", 300_000, cut),
        "pack removed": trained(home / "b", "parquet", 300_000, Path.unlink),
        "arrow cut": trained(home / "c", "feather", 0.25, cut),
    }
    print(json.dumps(found))
