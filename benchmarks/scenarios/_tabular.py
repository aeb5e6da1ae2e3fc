"""Numbers and categories: training, the whole way from CSV, the loader alone, memory."""

from pathlib import Path
from statistics import median

import numpy as np
from pyarrow import csv

from plait import Learner
from plait.training import steps

from .. import _by_hand, _generate, _loop
from .._folder import kinds_of, tasks_of, write, write_real
from .._memory import status
from ._base import Clock, Job, Metrics, Scenario
from ._training import by_full_loop, by_loop, by_trainer, packed_bytes, ready, settings

CHOICES = {"epochs": 3, "batch_size": 512, "width": 128}


def prepare(job: Job, data: Path | None) -> None:
    """100,000 rows of 20 numbers and 10 categories, three targets; and 20,000 rows to answer."""
    if data:
        write_real(job, "tabular", "census_income", data, **CHOICES)
    else:
        rng = np.random.default_rng(job.seed)
        rows, more = job.rows(100_000), job.rows(20_000)
        parts = {
            "numbers": lambda: _generate.numbers(rng, rows + more, 20),
            "categories": lambda: _generate.categories(rng, rows + more, 10),
        }
        table = _generate.table(rng, parts)
        inputs = kinds_of(table.column_names[:-3], {"n": "numeric", "c": "categorical"})
        train, test = table.slice(0, rows), table.slice(rows)
        write(job, "tabular", train, test, inputs, _generate.TARGETS, **CHOICES)
    import pyarrow.parquet as pq

    for part in ("train", "test"):
        csv.write_csv(pq.read_table(job.folder / f"{part}.parquet"), job.folder / f"{part}.csv")


def learner(job: Job, **options: int) -> Learner:
    """The scenario's model by one call."""
    return Learner(
        tasks_of(job),
        dict(job.about["inputs"]),
        width=job.about["width"],
        training=settings(job, **options),
        valid=0.0,
        cache=False,
        seed=job.seed,
    )


def whole_plait(job: Job) -> Metrics:
    """``Learner.fit`` and ``predict`` of two CSV files."""
    with Clock() as clock:
        model = learner(job).fit(job.folder / "train.csv")
        with Clock() as answering:
            model.predict(job.folder / "test.csv")
    return {
        "seconds": (clock.seconds, "s"),
        "processor_seconds": (clock.processor, "s of processor time"),
        "fit_seconds": (clock.seconds - answering.seconds, "s"),
        "predict_seconds": (answering.seconds, "s"),
    }


def whole_loop(job: Job) -> Metrics:
    """The same by Arrow, NumPy and the loop."""
    with Clock() as clock:
        encoder, model = _by_hand.fit(job, job.folder / "train.csv")
        with Clock() as answering:
            _by_hand.predict(encoder, model, csv.read_csv(job.folder / "test.csv"), job)
    return {
        "seconds": (clock.seconds, "s"),
        "processor_seconds": (clock.processor, "s of processor time"),
        "fit_seconds": (clock.seconds - answering.seconds, "s"),
        "predict_seconds": (answering.seconds, "s"),
    }


def loader_plait(job: Job) -> Metrics:
    """``pack[rows]`` over epochs, at two sizes."""
    _, pack = ready(job)
    found: Metrics = {}
    for size in (512, 4096):
        seconds = []
        for epoch in range(7):
            with Clock() as clock:
                for rows in steps(len(pack), size, job.seed, epoch):
                    pack[rows]
            seconds.append(clock.seconds)
        found[f"rows_per_second_{size}"] = (len(pack) / median(seconds), "rows/s")
    return found


def loader_loop(job: Job) -> Metrics:
    """The same by ``index_select``."""
    tensors = _loop.Tensors.of(*ready(job))
    found: Metrics = {}
    for size in (512, 4096):
        seconds = []
        for epoch in range(7):
            with Clock() as clock:
                for _ in tensors.batches(size, job.seed, epoch):
                    pass
            seconds.append(clock.seconds)
        found[f"rows_per_second_{size}"] = (len(tensors) / median(seconds), "rows/s")
    return found


def memory_plait(job: Job) -> Metrics:
    """The peak of a process that fits one epoch from CSV, and the bytes of its packed rows."""
    imported = status("VmRSS")
    fitted = learner(job, epochs=1).fit(job.folder / "train.csv")
    peak = status("VmHWM")
    packed = packed_bytes(fitted.schema.pack(job.folder / "train.csv")) / 1e6
    return {
        "peak_mb": (peak, "MB"),
        "imported_mb": (imported, "MB"),
        "packed_mb": (packed, "MB"),
        "peak_of_limit": (peak / (2 * packed + 600), "of 2 x packed + 600 MB"),
    }


def memory_loop(job: Job) -> Metrics:
    """The peak of a process that does the same by hand."""
    imported = status("VmRSS")
    job.about["epochs"] = 1
    _by_hand.fit(job, job.folder / "train.csv")

    return {"peak_mb": (status("VmHWM"), "MB"), "imported_mb": (imported, "MB")}


SCENARIO = Scenario(
    "100,000 rows of 20 numbers and 10 categories, 3 tasks, width 128, batch 512, 3 epochs",
    prepare,
    {
        "train": {"plait": by_trainer, "loop": by_loop, "loop_full": by_full_loop},
        "whole": {"plait": whole_plait, "loop": whole_loop},
        "loader": {"plait": loader_plait, "loop": loader_loop},
        "memory": {"plait": memory_plait, "loop": memory_loop},
    },
    {"memory.peak_of_limit": ("value", "<=", 1.0)},
    peers=True,
)
