"""What is written where there is no room: ``full_disk.py SMALL LARGE``, one JSON line.

``SMALL`` is a file system of 2 MiB of its own, ``LARGE`` a folder elsewhere.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from kills import table

import plait
from plait.__main__ import main
from plait.training import Checkpoints

SMALL, LARGE = map(Path, sys.argv[1:])
FILLER = SMALL / "filler"
SETS = ["--set", "training.epochs=2", "--set", "model.width=64", "--set", "data.cache=false"]


def fill(left: int) -> None:
    """Leave so many bytes of the small file system."""
    FILLER.unlink(missing_ok=True)
    room = os.statvfs(SMALL)
    FILLER.write_bytes(bytes(max(0, room.f_bavail * room.f_bsize - left)))


def there() -> list[str]:
    """All that lies in the small file system."""
    return sorted(str(each.relative_to(SMALL)) for each in SMALL.rglob("*") if each != FILLER)


def said(*words: str) -> list:
    """The exit code of a command, what it has printed, and what is there afterwards."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return [code, out.getvalue(), err.getvalue(), there()]


def checkpoint() -> list:
    """A second checkpoint has no room: what is warned of, what is found, what is there."""
    shelf = Checkpoints(SMALL / "run" / "checkpoints", {})
    assert shelf.write(1, {"w": torch.ones(1000)}, {"step": 1})
    before = there()
    fill(300_000)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert shelf.write(2, {"w": torch.zeros(100_000)}, {"step": 2}) is None
    stored, plain = Checkpoints(SMALL / "run" / "checkpoints", {}).newest()
    whole = bool(stored.read()["w"].eq(1).all()) and plain["step"] == 1
    return [[str(each.message) for each in told], whole, before == there()]


def saved(learner: plait.Learner) -> list:
    """A model has no room in place of another one: what is said, and whether that is whole."""
    fill(2**20)
    learner.save(SMALL / "model")
    answer, before = learner.predict({"size": [0.5]}), there()
    fill(4096)
    try:
        learner.save(SMALL / "model", overwrite=True)
        error = ""
    except plait.PlaceError as problem:
        error = str(problem)
    again = plait.load(SMALL / "model").predict({"size": [0.5]})
    return [error, again == answer, before == there()]


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = str(LARGE / "rows.jsonl")
    columns = table(4000)
    cells = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in cells]
    Path(rows).write_text("\n".join(lines))
    loop = plait.Training(epochs=1, device="cpu")
    learner = plait.Learner(["price"], width=8, cache=False, training=loop).fit(table())
    learner.save(LARGE / "model")
    found = {"checkpoint": checkpoint()}
    fill(40_000)
    for ending in ("csv", "parquet", "arrow", "jsonl"):
        answers = str(SMALL / f"a.{ending}")
        keep = [word for name in ("words", "size") for word in ("--keep", name)]
        found[ending] = said("predict", str(LARGE / "model"), rows, "-o", answers, *keep)
    often = ["--set", "training.checkpoint_every=1"]
    found["fit"] = said("fit", rows, "-t", "price", "-o", str(SMALL / "new"), *SETS, *often)
    found["save"] = saved(learner)
    fill(40_000)
    tempfile.tempdir = str(SMALL)
    small = ["--set", "data.memory=1000"]
    found["pack"] = said("fit", rows, "-t", "price", "-o", str(LARGE / "other"), *SETS, *small)
    print(json.dumps(found))
