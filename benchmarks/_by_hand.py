"""A table of numbers and categories from CSV to answers, written by hand with Arrow and NumPy.

The network is plait's own, so that only the way of the data differs.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from pyarrow import csv
from torch import Tensor

from plait import Binary, Categorical, Model, Multiclass, Numeric, Regression, Schema
from plait.modalities._numeric_column import NumericColumn
from plait.tasks._scale import Scale

from . import _loop
from .scenarios._base import Job

BINS = 32


@dataclass(frozen=True)
class Encoder:
    """What is known of the columns.

    Args:
        mean: Of the numbers.
        std: Of the numbers.
        categories: Of each column of categories.
        schema: The same, as the network wants to know it.
        classes: Of the targets that have some.
    """

    mean: np.ndarray
    std: np.ndarray
    categories: dict[str, pa.Array]
    schema: Schema
    classes: dict[str, pa.Array]

    def inputs(self, table: pa.Table, job: Job) -> dict[str, _loop.Dense]:
        """The input columns as tensors."""
        numbers = _matrix(table, job.columns("numeric"))
        numbers = ((numbers - self.mean) / self.std).astype(np.float32)
        codes = [
            pc.fill_null(pc.index_in(_whole(table[name]), value_set=known), -1).to_numpy() + 2
            for name, known in self.categories.items()
        ]
        values = {"numbers": torch.from_numpy(numbers)}
        values["categories"] = torch.from_numpy(np.stack(codes, 1).astype(np.int64))
        return {n: _loop.Dense(v, torch.ones_like(v, dtype=torch.bool)) for n, v in values.items()}

    def targets(self, table: pa.Table) -> dict[str, Tensor]:
        """The labels as tensors."""
        found = {}
        for name, task in self.schema.tasks.items():
            if isinstance(task, Regression):
                assert task.scale is not None, "it was fitted by hand"
                scaled = (table[name].to_numpy() - task.scale.mean[0]) / task.scale.std[0]
                found[name] = torch.from_numpy(scaled.astype(np.float32)[:, None])
            else:
                codes = pc.index_in(_whole(table[name]), value_set=self.classes[name]).to_numpy()
                binary = isinstance(task, Binary)
                found[name] = torch.from_numpy(codes.astype(np.float32 if binary else np.int64))
                found[name] = found[name].unsqueeze(1) if binary else found[name]
        return found


def learn(table: pa.Table, job: Job) -> Encoder:
    """Statistics, categories and classes of the training rows."""
    numeric, categorical = job.columns("numeric"), job.columns("categorical")
    values = _matrix(table, numeric)
    mean, std = values.mean(0), values.std(0)
    low, high = values.min(0), values.max(0)
    knots = np.quantile(values, np.linspace(0, 1, BINS + 1), axis=0)
    fitted = tuple(
        NumericColumn(*map(float, known), tuple(np.unique(knots[:, i]).tolist()), (0.5, 0.5))
        for i, known in enumerate(zip(mean, std, low, high, strict=True))
    )
    categories = {name: _frequent(table[name]) for name in categorical}
    known = tuple(tuple(each.to_pylist()) for each in categories.values())
    inputs = {
        "numbers": Numeric(fitted=fitted, columns=tuple(numeric)),
        "categories": Categorical(categories=known, columns=tuple(categorical)),
    }
    tasks, classes = {}, {}
    for name, kind in job.about["targets"].items():
        if kind == "regression":
            cells = table[name].to_numpy()
            scale = Scale(False, 0.0, (cells.mean(),), (cells.std(),), False, (0.0,))
            tasks[name] = Regression(column=name, scale=scale)
            continue
        counts = pc.value_counts(_whole(table[name])).sort(by="values")
        classes[name] = counts.field("values")
        shares = (counts.field("counts").to_numpy() / len(table)).tolist()
        names = tuple(str(each) for each in classes[name].to_pylist())
        if kind == "binary":
            both = names[0], names[1]
            tasks[name] = Binary(column=name, classes=both, share=shares[1], kind="whole")
        else:
            given = tuple(shares)
            tasks[name] = Multiclass(column=name, classes=names, frequencies=given, kind="text")
    return Encoder(mean, std, categories, Schema(inputs, tasks), classes)


def fit(job: Job, path: Path) -> tuple[Encoder, Model]:
    """From a CSV file to a trained model."""
    table = csv.read_csv(path)
    encoder = learn(table, job)
    losses = {name: type(task).__name__ for name, task in encoder.schema.tasks.items()}
    tensors = _loop.Tensors(encoder.inputs(table, job), encoder.targets(table), losses)
    return encoder, _loop.fit(encoder.schema, tensors, job.about, job.seed)


def predict(encoder: Encoder, model: Model, table: pa.Table, job: Job) -> pa.Table:
    """Answers for a table."""
    outputs = _loop.predict(model, encoder.inputs(table, job), len(table))
    answers: dict[str, pa.Array] = {}
    for name, task in encoder.schema.tasks.items():
        output = outputs[name]
        if isinstance(task, Regression):
            assert task.scale is not None, "it was fitted by hand"
            values = output[:, 0].numpy() * task.scale.std[0] + task.scale.mean[0]
            answers[name] = pa.array(values)
        elif isinstance(task, Binary):
            answers[f"{name}_probability"] = pa.array(output[:, 0].sigmoid().numpy())
        else:
            shares = output.softmax(1).numpy()
            answers[name] = encoder.classes[name].take(pa.array(shares.argmax(1)))
            for place, each in enumerate(encoder.classes[name].to_pylist()):
                answers[f"{name}_{each}"] = pa.array(np.ascontiguousarray(shares[:, place]))
    return pa.table(answers)


def _matrix(table: pa.Table, names: list[str]) -> np.ndarray:
    return np.stack([table[name].to_numpy() for name in names], 1)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _frequent(column: pa.ChunkedArray) -> pa.Array:
    counts = pc.value_counts(_whole(column))
    often = counts.filter(pc.greater_equal(counts.field("counts"), 2))
    return often.sort("descending", by="counts").field("values")
