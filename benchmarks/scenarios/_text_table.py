"""Texts beside numbers and categories: training, and the share of the data path."""

from pathlib import Path

import numpy as np

from .. import _generate
from .._folder import kinds_of, write, write_real
from ._base import Job, Scenario
from ._training import by_full_loop, by_loop, by_trainer, data_share

CHOICES = {"epochs": 3, "batch_size": 256, "width": 128}


def prepare(job: Job, data: Path | None) -> None:
    """20,000 texts of 40 words on average, 10 numbers, 3 categories; and 4,000 to answer."""
    if data:
        write_real(job, "text_table", "womens_clothing", data, **CHOICES)
        return
    rng = np.random.default_rng(job.seed)
    rows, more = job.rows(20_000), job.rows(4_000)
    parts = {
        "text": lambda: _generate.texts(rng, rows + more),
        "numbers": lambda: _generate.numbers(rng, rows + more, 10),
        "categories": lambda: _generate.categories(rng, rows + more, 3),
    }
    table = _generate.table(rng, parts)
    letters = {"t": "text", "n": "numeric", "c": "categorical"}
    inputs = kinds_of(table.column_names[:-3], letters)
    train, test = table.slice(0, rows), table.slice(rows)
    write(job, "text_table", train, test, inputs, _generate.TARGETS, **CHOICES)


SCENARIO = Scenario(
    "20,000 texts of 40 words on average, 10 numbers and 3 categories, 3 tasks, batch 256",
    prepare,
    {
        "train": {"plait": by_trainer, "loop": by_loop, "loop_full": by_full_loop},
        "share": {"plait": data_share},
    },
    peers=True,
)
