"""Measures of training that several scenarios share."""

import math
import time

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from plait import Model, Schema, Table, Trainer, Training
from plait.balancing import Sum
from plait.data import Pack
from plait.training import augment, steps, train_step

from .. import _loop
from .._folder import schema_of
from ._base import Clock, Job, Metrics

Ready = tuple[Schema, Pack]


def warm() -> None:
    """Make a first optimizer: PyTorch then loads modules for seconds, which is nobody's step."""
    spare = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([spare], fused=True)
    spare.sum().backward()
    optimizer.step()


def ready(job: Job) -> Ready:
    """The schema and the training rows in memory, and PyTorch warm."""
    warm()
    table = Table.of(job.folder / "train.parquet")
    schema = schema_of(job, table)
    return schema, schema.pack(table)


def settings(job: Job, **options: object) -> Training:
    """The choices of the scenario. Nothing is hidden, for the loop hides nothing either."""
    about = job.about
    chosen = {"epochs": about["epochs"], "batch_size": about["batch_size"], **options}
    return Training(**chosen, input_dropout=0.0, device="cpu")


def model_of(job: Job, schema: Schema) -> Model:
    """The same weights for every contestant."""
    torch.manual_seed(job.seed)
    return Model(schema, job.about["width"])


def rates(rows: int, epochs: int, clock: Clock) -> Metrics:
    """Time and rows per second of some epochs, and time of the processor."""
    return {
        "rows_per_second": (rows * epochs / clock.seconds, "rows/s"),
        "seconds_per_epoch": (clock.seconds / epochs, "s"),
        "processor_seconds_per_epoch": (clock.processor / epochs, "s of processor time"),
    }


def by_trainer(job: Job, made: Ready | None = None) -> Metrics:
    """``Trainer.fit`` on a pack in memory, without validation."""
    schema, pack = made or ready(job)
    model = model_of(job, schema)
    trainer = Trainer(schema, settings(job), job.seed)
    with Clock() as clock:
        trainer.fit(model, pack)
    return rates(len(pack), job.about["epochs"], clock)


def by_loop(job: Job, made: Ready | None = None) -> Metrics:
    """The hand-written loop over the same model."""
    schema, pack = made or ready(job)
    tensors = _loop.Tensors.of(schema, pack)
    with Clock() as clock:
        _loop.fit(schema, tensors, job.about, job.seed)
    return rates(len(pack), job.about["epochs"], clock)


def by_full_loop(job: Job, made: Ready | None = None) -> Metrics:
    """A hand-written loop that varies inputs, clips and averages as the trainer does.

    What is left between it and the trainer is overhead; what is between it and the plain loop is
    the price of these choices.
    """
    schema, pack = made or ready(job)
    chosen = settings(job).resolve(len(pack), schema.seen)
    tensors = _loop.Tensors.of(schema, pack)
    model = model_of(job, schema).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02, fused=True)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(chosen.average or 0.99))
    epochs, size = job.about["epochs"], job.about["batch_size"]
    with Clock() as clock:
        for epoch in range(epochs):
            for rows in torch.randperm(len(pack)).split(size):
                batch = augment(schema, pack[rows], seed=0, epoch=epoch, input_dropout=0.0)
                outputs = model(batch.inputs)
                terms = [
                    _loop.LOSSES[tensors.losses[name]](outputs[name], truth.values)
                    for name, truth in batch.targets.items()
                ]
                optimizer.zero_grad()
                torch.stack(terms).sum().backward()
                nn.utils.clip_grad_norm_(model.parameters(), chosen.clip)
                optimizer.step()
                averaged.update_parameters(model)
    return rates(len(pack), epochs, clock)


def data_share(job: Job, made: Ready | None = None) -> Metrics:
    """The share of ``pack[rows]`` and ``augment`` in a step, after the first epoch."""
    schema, pack = made or ready(job)
    chosen = settings(job)
    size = chosen.batch_size or 1
    model = model_of(job, schema).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    balancer = Sum(tuple(schema.tasks))
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    taken, varied, stepped = [], [], []
    for epoch in range(2):
        taken, varied, stepped = [], [], []
        for rows in steps(len(pack), size, job.seed, epoch):
            start = time.perf_counter()
            batch = pack[rows]
            indexed = time.perf_counter()
            batch = augment(schema, batch, seed=job.seed, epoch=epoch, input_dropout=0.0)
            given = time.perf_counter()
            train_step(schema, model, batch, balancer, optimizer, clip=chosen.clip)
            averaged.update_parameters(model)
            end = time.perf_counter()
            taken.append(indexed - start)
            varied.append(given - indexed)
            stepped.append(end - given)
    data = sum(taken) + sum(varied)
    count = math.ceil(len(pack) / size)
    return {
        "data_share": (data / (data + sum(stepped)), "of a step"),
        "index_ms": (1e3 * sum(taken) / count, "ms a step"),
        "augment_ms": (1e3 * sum(varied) / count, "ms a step"),
        "compute_ms": (1e3 * sum(stepped) / count, "ms a step"),
    }


def packed_bytes(pack: Pack) -> int:
    """What all tensors of a pack take."""
    total = 0
    for part in [*pack.inputs.values(), *pack.targets.values()]:
        for tensor in vars(part).values():
            if isinstance(tensor, torch.Tensor):
                total += tensor.numel() * tensor.element_size()
    return total
