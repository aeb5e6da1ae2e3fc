"""A table ten times the memory that it may take: growth, and whether its rows are well shuffled."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from plait import Config, Learner
from plait.training import Training

from .. import _generate
from .._folder import kinds_of, tasks_of, write
from .._memory import Sampler, status
from ._base import Clock, Job, Metrics, Scenario
from ._training import warm

CHOICES = {"epochs": 1, "batch_size": 512, "width": 64}
ROWS = 1_000_000


def limit(job: Job) -> int:
    """Bytes that a table or a pack may take: a tenth of the larger file."""
    return (job.folder / "bigger.parquet").stat().st_size // 10


def prepare(job: Job, data: Path | None) -> None:
    """1,000,000 rows of 20 numbers, and 100,000; sorted by their label, as files often are."""
    del data
    rng = np.random.default_rng(job.seed)
    rows = job.rows(ROWS, least=2_000)
    table = _generate.table(rng, {"numbers": lambda: _generate.numbers(rng, rows, 20)})
    test = table.slice(0, rows // 50)
    table = table.slice(rows // 50).sort_by("amount")
    small = table.take(np.linspace(0, len(table) - 1, len(table) // 10).astype(np.int64))
    inputs = kinds_of(table.column_names[:-3], {"n": "numeric"})
    write(job, "bigger", small, test, inputs, _generate.TARGETS, **CHOICES)
    pq.write_table(table, job.folder / "bigger.parquet", row_group_size=max(500, rows // 100))


def learner(job: Job, memory: float, batch_size: int | None = None) -> Learner:
    """A learner that may take so much memory."""
    tree = {
        "targets": tasks_of(job),
        "inputs": dict(job.about["inputs"]),
        "model": {"width": job.about["width"]},
        "training": {"epochs": 1, "batch_size": batch_size or job.about["batch_size"]},
        "data": {"valid": 0.0, "memory": memory, "cache": str(job.folder / f"cache-{memory}")},
        "seed": job.seed,
    }
    return Learner.from_config(Config.of(tree))


def grown(name: str) -> Callable[[Job], Metrics]:
    """The memory of a fit above that of the process with everything loaded."""

    def measure(job: Job) -> Metrics:
        warm()
        few = pq.read_table(job.folder / "train.parquet").slice(0, 1_000)
        Learner(tasks_of(job), training=Training(epochs=1), valid=0.0, cache=False).fit(few)
        imported = status("VmRSS")
        with Sampler() as sampler, Clock() as clock:
            learner(job, limit(job)).fit(job.folder / name)
        rows = pq.read_metadata(job.folder / name).num_rows
        return {
            "growth_mb": (sampler.growth, "MB of anonymous memory"),
            "growth_all_mb": (sampler.growth_all, "MB, mapped files included"),
            "imported_mb": (imported, "MB"),
            "rows_per_second": (rows / clock.seconds, "rows/s"),
            "limit_mb": (limit(job) / 1e6, "MB"),
        }

    return measure


def shuffled(streamed: bool) -> Callable[[Job], Metrics]:
    """How far the means of batches stray, and the score after one epoch on a sorted table."""

    def measure(job: Job) -> Metrics:
        memory = limit(job) if streamed else 64e9
        fitted = learner(job, memory).fit(job.folder / "bigger.parquet")
        scores = fitted.evaluate(job.folder / "test.parquet")
        found: Metrics = {
            "amount_r2": (float(scores["amount"]["r2"]), "R2"),
            "kind_accuracy": (float(scores["kind"]["accuracy"]), "accuracy"),
        }
        return {**found, **strayed(job, fitted, streamed)}

    return measure


def strayed(job: Job, fitted: Learner, streamed: bool) -> Metrics:
    """The variance of the batches' mean label, by that of batches drawn at random."""
    from plait.training import Loader

    table = pq.read_table(job.folder / "bigger.parquet")
    pack = fitted.schema.pack(table)
    row_bytes = pack.nbytes / len(pack)
    window = int(limit(job) / row_bytes) if streamed else None
    size = job.about["batch_size"]
    loader = Loader(pack, size, job.seed, window=window)
    means = [float(batch.targets["amount"].values.mean()) for batch in loader.epoch(0)]
    labels = pack.targets["amount"].values
    perfect = float(labels.var()) / size * (1 - size / len(pack))
    return {"variance_of_batch_means": (float(np.var(means)) / perfect, "of a perfect shuffle")}


SCENARIO = Scenario(
    "1,000,000 sorted rows in a tenth of the memory that they take",
    prepare,
    {
        "memory": {"plait": grown("bigger.parquet"), "plait_small": grown("train.parquet")},
        "shuffle": {"plait": shuffled(True), "in_memory": shuffled(False)},
    },
    {"memory.growth_mb": ("ratio", "<=", 1.5)},
)
