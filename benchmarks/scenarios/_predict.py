"""Answers: rows per second, the wait for a single one, and memory that does not grow with rows."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from plait import Learner, Schema, Table, load

from .. import _by_hand, _generate, _loop
from .._folder import kinds_of, tasks_of, write
from ._base import Clock, Job, Measure, Metrics, Scenario
from ._tabular import learner
from ._training import packed_bytes, warm

CHOICES = {"epochs": 1, "batch_size": 512, "width": 128}
CALLS = 300


def prepare(job: Job, data: Path | None) -> None:
    """Two small tables to learn from, and many rows to answer: 200,000 and 20,000 with text."""
    del data
    rng = np.random.default_rng(job.seed)
    for name, usual in (("tabular", 200_000), ("text", 20_000)):
        rows, more = 4_000, job.rows(usual)
        parts = {
            "numbers": partial(_generate.numbers, rng, rows + more, 7),
            "categories": partial(_generate.categories, rng, rows + more, 3),
        }
        if name == "text":
            parts["text"] = partial(_generate.texts, rng, rows + more)
        table = _generate.table(rng, parts)
        letters = {"n": "numeric", "c": "categorical", "t": "text"}
        inputs = kinds_of(table.column_names[:-3], letters)
        inner = Job(job.folder / name, job.scale, job.seed, job.threads)
        train, test = table.slice(0, rows), table.slice(rows)
        write(inner, name, train, test, inputs, _generate.TARGETS, **CHOICES)
    once = pq.read_table(job.folder / "tabular" / "test.parquet")
    pq.write_table(pa.concat_tables([once] * 10), job.folder / "tabular" / "ten_times.parquet")


def inner(job: Job, name: str) -> Job:
    """The job of one of the two tables."""
    return Job(job.folder / name, job.scale, job.seed, job.threads)


def fitted(job: Job) -> Learner:
    """A learner of little training."""
    return learner(job).fit(job.folder / "train.parquet")


def rows_plait(name: str) -> Measure:
    """``Learner.predict`` of an Arrow table, in a warm process."""

    def measure(job: Job) -> Metrics:
        own = inner(job, name)
        ready = fitted(own)
        rows = pq.read_table(own.folder / "test.parquet", columns=list(own.about["inputs"]))
        ready.predict(rows.slice(0, 2_000))
        with Clock() as clock:
            ready.predict(rows)
        return {
            "rows_per_second": (len(rows) / clock.seconds, "rows/s"),
            "processor_seconds": (clock.processor, "s of processor time"),
        }

    return measure


def rows_loop(job: Job) -> Metrics:
    """The table encoded by hand, the same network, and answers by Arrow."""
    own = inner(job, "tabular")
    warm()
    train = pq.read_table(own.folder / "train.parquet")
    encoder = _by_hand.learn(train, own)
    losses = {name: type(task).__name__ for name, task in encoder.schema.tasks.items()}
    tensors = _loop.Tensors(encoder.inputs(train, own), encoder.targets(train), losses)
    model = _loop.fit(encoder.schema, tensors, own.about, own.seed)
    rows = pq.read_table(own.folder / "test.parquet", columns=list(own.about["inputs"]))
    _by_hand.predict(encoder, model, rows.slice(0, 2_000), own)
    with Clock() as clock:
        _by_hand.predict(encoder, model, rows, own)
    return {
        "rows_per_second": (len(rows) / clock.seconds, "rows/s"),
        "processor_seconds": (clock.processor, "s of processor time"),
    }


def text_network(job: Job) -> Metrics:
    """The network alone over rows that are packed already: the floor for texts."""
    own = inner(job, "text")
    table = Table.of(own.folder / "train.parquet")
    schema = Schema.infer(table, tasks_of(own), dict(own.about["inputs"])).fit(table)
    tensors = _loop.Tensors.of(schema, schema.pack(table))
    model = _loop.fit(schema, tensors, own.about, own.seed)
    pack = schema.pack(Table.of(own.folder / "test.parquet"))
    inputs = {name: _loop.dense(cells) for name, cells in pack.inputs.items()}
    with Clock() as clock:
        schema.decode(_loop.predict(model, inputs, len(pack)))
    return {
        "rows_per_second": (len(pack) / clock.seconds, "rows/s"),
        "processor_seconds": (clock.processor, "s of processor time"),
        "packed_mb": (packed_bytes(pack) / 1e6, "MB"),
    }


def latency(job: Job) -> Metrics:
    """One row at a time, as a dict of lists: text and 10 columns."""
    own = inner(job, "text")
    ready = fitted(own)
    frame = pq.read_table(own.folder / "test.parquet").to_pydict()
    rows = [{n: [frame[n][i % len(frame[n])]] for n in own.about["inputs"]} for i in range(CALLS)]
    for row in rows[:20]:
        ready.predict(row)
    return waited(lambda row: ready.predict(rows[row]))


def waited(once: Callable[[int], object]) -> Metrics:
    """How long single calls take."""
    waits, used = [], []
    for row in range(CALLS):
        with Clock() as clock:
            once(row)
        waits.append(1e3 * clock.seconds)
        used.append(1e3 * clock.processor)
    middle, late = np.quantile(waits, [0.5, 0.95])
    return {
        "p50_ms": (float(middle), "ms"),
        "p95_ms": (float(late), "ms"),
        "processor_p50_ms": (float(np.median(used)), "ms of processor time"),
    }


def latency_network(job: Job) -> Metrics:
    """The network alone on one packed row."""
    own = inner(job, "text")
    ready = fitted(own)
    pack = ready.schema.pack(Table.of(own.folder / "train.parquet"))
    with torch.no_grad():
        return waited(lambda row: ready.model(pack[torch.tensor([row])].inputs))


def memory(job: Job) -> Metrics:
    """The peak of ``plait predict`` on the rows and on ten times as many."""
    own = inner(job, "tabular")
    saved = own.folder / f"saved-{own.seed}.plait"
    fitted(own).save(saved, overwrite=True)
    load(saved)
    found = {}
    for name in ("train", "test", "ten_times"):
        words = [sys.executable, "-m", "benchmarks._peak", "predict", str(saved)]
        words += [str(own.folder / f"{name}.parquet"), "--overwrite"]
        words += ["-o", str(own.folder / "answers.parquet")]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found[name] = json.loads(done.stderr.strip().splitlines()[-1])["peak_mb"]
    few, once, ten = (found[name] for name in ("train", "test", "ten_times"))
    return {
        "peak_mb": (once, "MB"),
        "growth_mb": (once - few, "MB above 4,000 rows"),
        "growth_mb_ten_times": (ten - few, "MB above 4,000 rows"),
    }


SCENARIO = Scenario(
    "answers for 200,000 rows, for 20,000 with text, and for single ones",
    prepare,
    {
        "rows": {"plait": rows_plait("tabular"), "loop": rows_loop},
        "rows_text": {"plait": rows_plait("text"), "network": text_network},
        "latency": {"plait": latency, "network": latency_network},
        "memory": {"plait": memory},
    },
    {"latency.p50_ms": ("value", "<=", 10.0)},
)
