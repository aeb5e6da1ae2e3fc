"""Half of the pictures missing: what their encoder still costs, and whether answers hold."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from plait import Masked, Model, Schema, Table
from plait.data import Batch
from plait.fusion import Mean

from .. import _generate
from .._folder import kinds_of, schema_of, write
from ._base import Clock, Job, Metrics, Scenario
from ._training import model_of, warm

CHOICES = {"epochs": 1, "batch_size": 256, "width": 128}
TIMES = 15


def prepare(job: Job, data: Path | None) -> None:
    """Photos, texts and numbers: enough for one batch, and its encoders."""
    del data
    rng = np.random.default_rng(job.seed)
    rows = max(256, job.rows(2_000))
    parts = {
        "photo": lambda: _generate.photos(rng, rows, job.folder),
        "text": lambda: _generate.texts(rng, rows),
        "numbers": lambda: _generate.numbers(rng, rows, 10),
    }
    table = _generate.table(rng, parts)
    letters = {"p": "image", "t": "text", "n": "numeric"}
    inputs = kinds_of(table.column_names[:-3], letters)
    write(job, "missing", table, table.slice(0, 64), inputs, _generate.TARGETS, **CHOICES)


def made(job: Job) -> tuple[Model, Batch]:
    """A model, and a batch without holes."""
    warm()
    table = Table.of(pq.read_table(job.folder / "train.parquet"), job.folder)
    schema = schema_of(job, table)
    # The same net as for many pictures: below 2,000 it would be a smaller one.
    model = model_of(job, schema)
    return model, schema.pack(table.take(range(job.about["batch_size"])))[torch.arange(256)]


def holed(cells: Masked) -> Masked:
    """Every second row missing, and nonsense where it was."""
    there = torch.arange(len(cells)) % 2 == 0
    values = cells.values.clone()
    values[~there] = 255 - values[~there]
    return Masked(values, cells.mask & there)


def timed(once: Callable[..., None], *arguments: object) -> float:
    """The median of some calls, in milliseconds of the processor."""
    seconds = []
    for _ in range(TIMES):
        with Clock() as clock:
            once(*arguments)
        seconds.append(clock.processor)
    return 1e3 * median(seconds[2:])


def encoder_plait(job: Job) -> Metrics:
    """Forward and backward of a model of the photos alone, and of all three inputs."""
    model, batch = made(job)
    lone = alone(job)
    full, half = batch.inputs["photo"], holed(batch.inputs["photo"])
    all_there, some_there = timed(step, lone, {"photo": full}), timed(step, lone, {"photo": half})
    most = timed(step, model, dict(batch.inputs))
    fewer = timed(step, model, {**batch.inputs, "photo": half})
    return {
        "encoder_ms_whole": (all_there, "ms of processor time"),
        "encoder_ms_half": (some_there, "ms of processor time"),
        "encoder_share": (some_there / all_there, "of the time without holes"),
        "step_share": (fewer / most, "of the time without holes"),
        "largest_difference": (difference(model, batch), "between outputs"),
    }


def alone(job: Job) -> Model:
    """The photos alone, with next to nothing behind their encoder."""
    table = Table.of(pq.read_table(job.folder / "train.parquet"), job.folder)
    schema = schema_of(job, table)
    photos = Schema({"photo": schema.inputs["photo"]}, schema.tasks)
    return Model(photos, job.about["width"], fusion=Mean)


def step(model: Model, inputs: dict[str, Masked]) -> None:
    """Forward and backward, without an optimizer."""
    model.zero_grad()
    outputs = model(inputs)
    torch.stack([each.square().sum() for each in outputs.values()]).sum().backward()


@torch.no_grad()
def difference(model: Model, batch: Batch) -> float:
    """The largest between the model's outputs and those with every row encoded, then masked."""
    model.eval()
    inputs = {**batch.inputs, "photo": holed(batch.inputs["photo"])}
    given = model(inputs)
    assert any((given[name] != whole).any() for name, whole in model(batch.inputs).items())
    tokens = {}
    for name, encoder in zip(model.inputs, model.encoders, strict=True):
        whole = encoder(batch.inputs[name])
        there = inputs[name].present.unsqueeze(1)
        tokens[name] = Masked(whole.values, whole.mask & there)
    features = model.sharing(model.fusion(tokens))
    heads = zip(model.tasks, model.heads, strict=True)
    reference: dict[str, Tensor] = {name: head(features[name]) for name, head in heads}
    if model.short:
        # The photo has no shortcut, and what has one is there in every row.
        short = zip(model.short, model.shortcuts, strict=True)
        straight = torch.cat(list(reference.values()), 1)
        straight = straight + sum(module(inputs[name]) for name, module in short)
        reference = dict(zip(model.tasks, straight.split(model.sizes, 1), strict=True))
    return max(float((given[name] - reference[name]).abs().max()) for name in given)


def encoder_masked(job: Job) -> Metrics:
    """What others do: every row is encoded, and the result masked."""
    model, batch = made(job)
    encoder = model.encoders[model.inputs.index("photo")]

    def once(cells: Masked, there: Tensor) -> None:
        model.zero_grad()
        tokens = encoder(Masked(cells.values, torch.ones_like(there)))
        tokens.values.where(there.view(-1, 1, 1), 0.0).square().sum().backward()

    full, half = batch.inputs["photo"], holed(batch.inputs["photo"])
    all_there, some_there = timed(once, full, full.mask), timed(once, half, half.mask)
    return {
        "encoder_ms_whole": (all_there, "ms of processor time"),
        "encoder_ms_half": (some_there, "ms of processor time"),
        "encoder_share": (some_there / all_there, "of the time without holes"),
    }


SCENARIO = Scenario(
    "photos, texts and numbers with half of the photos missing, a batch of 256",
    prepare,
    {"encoder": {"plait": encoder_plait, "masked": encoder_masked}},
    {
        "encoder.encoder_share": ("value", "<=", 0.55),
        "encoder.largest_difference": ("value", "<=", 1e-6),
    },
)
