"""How good the answers are, beside answers that know nothing of the row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ._errors import DataError, listing
from .data import Masked, Note, Pack, merged
from .schema import Schema

Scores = dict[str, float | int]


@dataclass(frozen=True)
class Evaluation:
    """Scores by task.

    Args:
        tasks: For each task ``rows`` (how many had a label) and its metrics, by scikit-learn's
            names.
        baselines: The same metrics of one answer for all rows: the shares or the mean of the
            training labels.
        notes: What was done to cells that could not be taken as they stood.
    """

    tasks: dict[str, Scores]
    baselines: dict[str, Scores]
    notes: tuple[Note, ...] = ()

    def __getitem__(self, task: str) -> Scores:
        return self.tasks[task]

    def to_dict(self) -> dict[str, Any]:
        """Plain mappings, for JSON; a metric that is not defined is None."""
        return {
            "tasks": _plain(self.tasks),
            "baselines": _plain(self.baselines),
            "notes": [str(note) for note in self.notes],
        }

    def __str__(self) -> str:
        lines = [f"{'task':24} {'metric':32} {'plait':>10} {'baseline':>10} {'rows':>9}"]
        for task, scores in self.tasks.items():
            for metric, value in scores.items():
                if metric != "rows":
                    blind = self.baselines[task][metric]
                    lines.append(
                        f"{task:24} {metric:32} {value:10.4g} {blind:10.4g} {scores['rows']:9,.0f}"
                    )
        return "\n".join(lines)


def evaluate(schema: Schema, parts: Sequence[tuple[dict[str, Tensor], Pack]]) -> Evaluation:
    """Score raw outputs against the labels of the same rows.

    Args:
        schema: Whose tasks they are.
        parts: Outputs and pack of some rows each.

    Raises:
        DataError: If no task has a label.
    """
    tasks, baselines = {}, {}
    for name, task in schema.tasks.items():
        if name not in parts[0][1].targets:
            continue
        targets = [pack.targets[name] for _, pack in parts]
        target = Masked(
            torch.cat([each.values for each in targets]), torch.cat([each.mask for each in targets])
        )
        rows = int(target.mask.sum())
        if not rows:
            continue
        output = torch.cat([raw[name] for raw, _ in parts])
        blind = task.start().expand_as(output)
        tasks[name] = {"rows": rows, **task.metrics(output, target)}
        baselines[name] = task.metrics(blind, target)
    if not tasks:
        wanted = [task.column for task in schema.tasks.values()]
        raise DataError(
            "A table to evaluate on should hold labels of at least one target. Found none of "
            f"{listing(wanted)}."
        )
    notes = merged(note for _, pack in parts for note in pack.notes)
    return Evaluation(tasks, baselines, notes)


def _plain(scores: dict[str, Scores]) -> dict[str, dict[str, float | int | None]]:
    return {
        task: {name: value if math.isfinite(value) else None for name, value in found.items()}
        for task, found in scores.items()
    }
