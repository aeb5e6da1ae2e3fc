"""The folder of a scenario's data: two tables and a description, as peers read them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plait import Schema, Table

from . import accuracy
from .scenarios._base import Job

KINDS = {"Numeric": "numeric", "Categorical": "categorical", "Text": "text", "Image": "image"}
TASKS = {"Regression": "regression", "Binary": "binary", "Multiclass": "multiclass"}


def write(
    job: Job,
    name: str,
    train: pa.Table,
    test: pa.Table,
    inputs: dict[str, str],
    targets: dict[str, str],
    **choices: int,
) -> None:
    """Write both tables and ``scenario.json``.

    Args:
        job: Whose folder, seed and threads.
        name: Of the scenario.
        train: The rows to learn from.
        test: The rows to answer.
        inputs: The kind of each input column.
        targets: The kind of each target column.
        **choices: Epochs, batch_size and width.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(train, job.folder / "train.parquet")
    pq.write_table(test, job.folder / "test.parquet")
    about = {
        "scenario": name,
        "inputs": inputs,
        "targets": targets,
        **choices,
        "seed": job.seed,
        "threads": job.threads,
        "answers": "answers.parquet",
    }
    text = json.dumps(about, indent=2)
    (job.folder / "scenario.json").write_text(text, encoding="utf-8")


def kinds_of(columns: list[str], letters: dict[str, str]) -> dict[str, str]:
    """The kind of each generated column, by the first letter of its name."""
    return {name: letters[name[0]] for name in columns}


def write_real(job: Job, name: str, real: str, data: Path, **choices: int) -> None:
    """The same from a real set of :mod:`benchmarks.accuracy`, its kinds as plait guesses them."""
    config, train, _, test, root = accuracy.SETS[real][0](data, "test")
    rows = job.rows(len(train))
    train, test = train.slice(0, rows), test.slice(0, rows)
    schema = Schema.infer(Table.of(train, root), config["targets"], config.get("inputs"))
    inputs = {
        column: KINDS[type(part).__name__]
        for part in schema.inputs.values()
        for column in part.columns
        if type(part).__name__ in KINDS
    }
    targets = {name: TASKS[type(task).__name__] for name, task in schema.tasks.items()}
    job.folder.mkdir(parents=True, exist_ok=True)
    for column in [name for name, kind in inputs.items() if kind == "image"]:
        train = _as_files(train, column, job.folder, "train", root)
        test = _as_files(test, column, job.folder, "test", root)
    for column in [name for name, kind in targets.items() if kind == "binary"]:
        train, test = _as_numbers(train, column), _as_numbers(test, column)
    kept = [*inputs, *targets]
    write(job, name, train.select(kept), test.select(kept), inputs, targets, **choices)


def _as_files(rows: pa.Table, column: str, folder: Path, part: str, root: Path) -> pa.Table:
    home = folder / "images" / column
    home.mkdir(parents=True, exist_ok=True)
    paths: list[str | None] = []
    for number, cell in enumerate(rows[column].to_pylist()):
        content = (root / cell).read_bytes() if isinstance(cell, str) else cell
        path = home / f"{part}_{number:06}"
        if content:
            path.write_bytes(content)
        paths.append(str(path.relative_to(folder)) if content else None)
    return rows.set_column(rows.column_names.index(column), column, pa.array(paths))


def _as_numbers(rows: pa.Table, column: str) -> pa.Table:
    # The answer of a binary target is the probability of "1".
    classes = sorted({str(cell) for cell in rows[column].to_pylist() if cell is not None})
    codes = [
        None if cell is None else classes.index(str(cell)) for cell in rows[column].to_pylist()
    ]
    return rows.set_column(rows.column_names.index(column), column, pa.array(codes, pa.int64()))


def schema_of(job: Job, table: Any) -> Schema:
    """The schema of the folder's columns, fitted: what is said in ``scenario.json``, no guesses."""
    return Schema.infer(table, tasks_of(job), dict(job.about["inputs"])).fit(table)


def tasks_of(job: Job) -> dict[str, str]:
    """The task type of each target."""
    names = {kind: name for name, kind in TASKS.items()}
    return {target: names[kind] for target, kind in job.about["targets"].items()}
