"""Everything that can be found in a table before a model is trained on it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from plait.data import Note, Table, merged
from plait.modalities import Modality
from plait.schema._infer import infer_inputs, infer_tasks
from plait.tasks import Task

from . import _drift, _leaks
from ._columns import account_of, column_of, target_of
from ._drift import drift
from ._finding import Finding
from ._inspection import Inspection
from ._leaks import leaks
from ._repeats import repeats


def inspect(
    data: Any,
    targets: Iterable[str] | Mapping[str, Any] = (),
    inputs: Mapping[str, Any] | None = None,
    *,
    valid: Any = None,
    root: str | Path | None = None,
) -> Inspection:
    """Look for what is wrong with a table before anything is trained on it.

    Use it once on every new table: columns that give a target away, columns that number the rows
    or never change, rows that are there twice, labels that contradict each other, and with
    ``valid`` rows that are in both tables and columns that are not distributed alike. It reads
    single columns and whole rows. What only several columns together give away, and what is in
    texts, pictures, sounds and lists, it does not find; an empty list is no proof.

    Args:
        data: Whatever holds a table (see :meth:`plait.data.Table.of`). It is read into memory.
        targets: The names of the target columns, or a mapping from each to a task, the name of a
            task type, or None for a guess. Without one, nothing can be said of leaks and labels.
        inputs: What is known better than a guess, as for :class:`plait.Learner`.
        valid: A second table, of rows to choose by, to test with or of a later time.
        root: The folder that paths of pictures start from; left out, that of the file.

    Raises:
        DataError: If the table cannot be used, or a target is not in it; all problems at once.

    Example:
        >>> rows = {
        ...     "size": [n * 7 % 100 / 4 for n in range(100)],
        ...     "refund": [float(n % 3 == 0) for n in range(100)],
        ...     "returned": [n % 3 == 0 for n in range(100)],
        ... }
        >>> found = inspect(rows, ["returned"])
        >>> [(finding.kind, finding.column) for finding in found.findings]
        [('leak', 'refund')]
    """
    table = Table.of(data, root)
    other = None if valid is None else Table.of(valid, root)
    wishes = dict(inputs or {})
    asked = _asked(targets)
    tasks = infer_tasks(table, asked)
    taken = {task.column or name for name, task in tasks.items()}
    parts, ignored = infer_inputs(table, wishes, taken)
    notes: list[Note] = []
    told = {name: target_of(table, name, t, asked.get(name), notes) for name, t in tasks.items()}
    fitted = {name: task for name, (_, task) in told.items()}
    problems: list[str] = []
    for name, part in parts.items():
        problems += account_of(table, name, part, notes)
    spoken = set(wishes) | {c for name in wishes if name in parts for c in parts[name].columns}
    owner = {column: part for name, part in parts.items() for column in part.columns or (name,)}
    columns, findings = [], []
    for name in table.names:
        if name not in taken:
            column, found = column_of(
                table, name, owner.get(name), ignored.get(name), name in spoken
            )
            columns.append(column)
            findings += found
    some = _spread(table, _leaks.TRIED)
    findings = [*_leaks_of(some, fitted, columns, owner), *findings]
    where = {name: task.column for name, task in fitted.items()}
    findings += repeats(table, other, list(owner), where)
    if other is not None:
        findings += _drift_of(table, other, owner, fitted)
    return Inspection(
        rows=len(table),
        columns=tuple(columns),
        targets=tuple(each for each, _ in told.values()),
        notes=tuple(map(str, merged(notes))),
        problems=tuple(problems),
        findings=tuple(findings),
        valid_rows=None if other is None else len(other),
        tried=_tried(table, other, bool(fitted)),
    )


def _asked(targets: Iterable[str] | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(targets, Mapping):
        return targets
    return dict.fromkeys([targets] if isinstance(targets, str) else targets)


def _spread(table: Table, most: int) -> Table:
    if len(table) <= most:
        return table
    return table.take(np.linspace(0, len(table) - 1, most).astype(np.int64))


def _leaks_of(
    table: Table,
    tasks: Mapping[str, Task],
    columns: Sequence[Mapping[str, Any]],
    owner: Mapping[str, Modality],
) -> list[Finding]:
    names = [column["name"] for column in columns]
    times = [name for name in names if type(owner.get(name)).__name__ == "Datetime"]
    return leaks(table, tasks, names, times, {name for name in names if name not in owner})


def _drift_of(
    table: Table, other: Table, owner: Mapping[str, Modality], tasks: Mapping[str, Task]
) -> list[Finding]:
    kinds = {column: type(part).__name__ for column, part in owner.items()}
    labels = {
        task.column: "number" if type(task).__name__ == "Regression" else "class"
        for task in tasks.values()
    }
    return drift(_spread(table, _drift.TRIED), _spread(other, _drift.TRIED), kinds, labels)


def _tried(table: Table, other: Table | None, leaks_too: bool) -> dict[str, int]:
    found = {}
    if leaks_too and len(table) > _leaks.TRIED:
        found["leaks"] = _leaks.TRIED
    longest = max(len(table), len(other)) if other is not None else 0
    if longest > _drift.TRIED:
        found["drift"] = _drift.TRIED
    return found
