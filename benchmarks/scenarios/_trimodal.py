"""A small picture, a series and columns: beside a loop, and beside PyTorch's own loader."""

import math
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from plait import Image, Masked, Schema, Table, Vector
from plait.training import steps

from .. import _generate, _loop
from .._folder import kinds_of, tasks_of, write
from ._base import Clock, Job, Metrics, Scenario
from ._training import Ready, by_full_loop, by_loop, by_trainer, model_of, rates, warm

CHOICES = {"epochs": 3, "batch_size": 256, "width": 128}
SERIES = 40


def prepare(job: Job, data: Path | None) -> None:
    """6,000 rows; `--scale 10` makes the 60,000 of the full size. There is no real set of it."""
    del data
    rng = np.random.default_rng(job.seed)
    rows, more = job.rows(6_000), job.rows(1_000)
    parts = {
        "picture": lambda: _generate.stamps(rng, rows + more, job.folder),
        "series": lambda: _series(rng, rows + more),
        "numbers": lambda: _generate.numbers(rng, rows + more, 10),
        "categories": lambda: _generate.categories(rng, rows + more, 6),
    }
    table = _generate.table(rng, parts)
    letters = {"p": "image", "w": "numeric", "n": "numeric", "c": "categorical"}
    inputs = kinds_of(table.column_names[:-3], letters)
    train, test = table.slice(0, rows), table.slice(rows)
    write(job, "trimodal", train, test, inputs, _generate.TARGETS, **CHOICES)


def _series(rng: np.random.Generator, rows: int) -> tuple[_generate.Columns, np.ndarray]:
    phase, pace = rng.uniform(0, 6.28, rows), rng.uniform(0.1, 0.8, rows)
    waves = np.sin(phase[:, None] + pace[:, None] * np.arange(SERIES))
    waves = (waves + 0.3 * rng.normal(size=waves.shape)).astype(np.float32)
    signal = np.stack([np.cos(phase), pace - 0.45, np.sin(phase)], 1)
    return {f"w{i:02}": pa.array(waves[:, i]) for i in range(SERIES)}, signal


def made(job: Job) -> Ready:
    """The series as one column of vectors; peers are given its steps as columns of numbers."""
    warm()
    source = Table.of(job.folder / "train.parquet")
    steps_of = sorted(name for name in job.columns("numeric") if name.startswith("w"))
    columns = {n: source.arrow[n] for n in source.names if n not in steps_of}
    columns["wave"] = np.stack([source.arrow[name].to_numpy() for name in steps_of], 1)
    inputs = {n: kind for n, kind in job.about["inputs"].items() if n not in steps_of}
    kinds = {**inputs, "picture": Image(size=28), "wave": Vector()}
    table = Table.of(columns, job.folder)
    schema = Schema.infer(table, tasks_of(job), kinds).fit(table)
    return schema, schema.pack(table)


class Rows(Dataset):
    """One row at a time, as the loader of PyTorch asks for it."""

    def __init__(self, tensors: _loop.Tensors) -> None:
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors)

    def __getitem__(self, row: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        inputs = {name: column.values[row] for name, column in self.tensors.inputs.items()}
        return inputs, {name: labels[row] for name, labels in self.tensors.targets.items()}


def collated(tensors: _loop.Tensors, size: int) -> Iterator[tuple[dict, dict]]:
    """An epoch of PyTorch's loader, with its default way of making batches, in this process."""
    for inputs, targets in DataLoader(Rows(tensors), size, shuffle=True):
        cells = {
            # The mask of a picture or a vector is a row's, that of columns a cell's.
            name: Masked(values, tensors.inputs[name].take(torch.arange(len(values))).mask)
            for name, values in inputs.items()
        }
        yield cells, targets


def by_dataloader(job: Job) -> Metrics:
    """The hand-written loop fed by PyTorch's loader."""
    schema, pack = made(job)
    tensors = _loop.Tensors.of(schema, pack)
    size, epochs = job.about["batch_size"], job.about["epochs"]
    model = model_of(job, schema)
    with Clock() as clock:
        _loop.train(
            model,
            lambda epoch: collated(tensors, size),
            tensors.losses,
            epochs,
            math.ceil(len(tensors) / size),
        )
    return rates(len(pack), epochs, clock)


def data_plait(job: Job) -> Metrics:
    """The batches of an epoch, and nothing else."""
    _, pack = made(job)
    seconds = []
    for epoch in range(5):
        with Clock() as clock:
            for rows in steps(len(pack), job.about["batch_size"], job.seed, epoch):
                pack[rows]
        seconds.append(clock.seconds)
    return {"rows_per_second": (len(pack) / median(seconds), "rows/s")}


def data_loop(job: Job) -> Metrics:
    """The same by ``index_select``."""
    tensors = _loop.Tensors.of(*made(job))
    seconds = []
    for epoch in range(5):
        with Clock() as clock:
            for _ in tensors.batches(job.about["batch_size"], job.seed, epoch):
                pass
        seconds.append(clock.seconds)
    return {"rows_per_second": (len(tensors) / median(seconds), "rows/s")}


def data_dataloader(job: Job) -> Metrics:
    """The same by PyTorch's loader."""
    tensors = _loop.Tensors.of(*made(job))
    seconds = []
    for _ in range(3):
        with Clock() as clock:
            for _ in collated(tensors, job.about["batch_size"]):
                pass
        seconds.append(clock.seconds)
    return {"rows_per_second": (len(tensors) / median(seconds), "rows/s")}


SCENARIO = Scenario(
    "6,000 pictures of 28 x 28, series of 40 steps and 16 columns (60,000 at --scale 10)",
    prepare,
    {
        "train": {
            "plait": lambda job: by_trainer(job, made(job)),
            "loop": lambda job: by_loop(job, made(job)),
            "loop_full": lambda job: by_full_loop(job, made(job)),
            "dataloader": by_dataloader,
        },
        "data": {"plait": data_plait, "loop": data_loop, "dataloader": data_dataloader},
    },
    peers=True,
)
