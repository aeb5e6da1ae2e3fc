"""Texts of very different lengths: padding, speed and scores with and without length buckets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from plait import Schema, Table, Text, Trainer
from plait.data import Pack, Ragged
from plait.training import outputs, steps

from .. import _generate
from .._folder import kinds_of, tasks_of, write
from ._base import Clock, Job, Metrics, Scenario
from ._training import model_of, rates, settings, warm

CHOICES = {"epochs": 3, "batch_size": 64, "width": 128}
LONGEST = 512


def prepare(job: Job, data: Path | None) -> None:
    """8,000 texts with log-normal lengths, about 40 tokens on average, and 4 numbers."""
    del data
    rng = np.random.default_rng(job.seed)
    rows, more = job.rows(8_000), job.rows(2_000)
    parts = {
        "text": lambda: _generate.texts(rng, rows + more, mean=40, sigma=1.0, most=LONGEST),
        "numbers": lambda: _generate.numbers(rng, rows + more, 4),
    }
    table = _generate.table(rng, parts)
    inputs = kinds_of(table.column_names[:-3], {"t": "text", "n": "numeric"})
    train, test = table.slice(0, rows), table.slice(rows)
    write(job, "lengths", train, test, inputs, _generate.TARGETS, **CHOICES)


def made(job: Job) -> tuple[Schema, Pack, Pack]:
    """The schema, the training rows and the others; the encoder reads the texts in order."""
    warm()
    table = Table.of(job.folder / "train.parquet")
    inputs = {**job.about["inputs"], "text": Text(encoder="transformer", max_length=LONGEST)}
    schema = Schema.infer(table, tasks_of(job), inputs).fit(table)
    return schema, schema.pack(table), schema.pack(Table.of(job.folder / "test.parquet"))


def padding(bucket: bool) -> Callable[[Job], Metrics]:
    """The share of the tokens of an epoch that are no padding."""

    def measure(job: Job) -> Metrics:
        _, pack, _ = made(job)
        cells = pack.inputs["text"]
        assert isinstance(cells, Ragged), "texts are packed ragged"
        lengths = cells.lengths
        size = job.about["batch_size"]
        order = steps(len(pack), size, job.seed, 0, lengths=lengths if bucket else None)
        padded = sum(len(rows) * int(lengths[rows].max()) for rows in order)
        return {
            "useful_share": (int(lengths.sum()) / padded, "of the tokens"),
            "mean_length": (float(lengths.double().mean()), "tokens"),
        }

    return measure


def train(bucket: bool) -> Callable[[Job], Metrics]:
    """Speed and the mean score of the tasks on other rows."""

    def measure(job: Job) -> Metrics:
        schema, pack, others = made(job)
        model = model_of(job, schema)
        trainer = Trainer(schema, settings(job, bucket=bucket), job.seed)
        with Clock() as clock:
            trainer.fit(model, pack)
        raw = outputs(model, others)
        scores = [
            task.score(raw[name], others.targets[name]) for name, task in schema.tasks.items()
        ]
        score = {"score": (sum(scores) / len(scores), "1 is perfect, 0 knows nothing")}
        return {**rates(len(pack), job.about["epochs"], clock), **score}

    return measure


SCENARIO = Scenario(
    "8,000 texts of log-normal lengths, 40 tokens on average, 512 at most, batch 64",
    prepare,
    {
        "padding": {"plait": padding(True), "no_buckets": padding(False)},
        "train": {"plait": train(True), "no_buckets": train(False)},
    },
    {"padding.useful_share": ("value", ">=", 0.9)},
)
