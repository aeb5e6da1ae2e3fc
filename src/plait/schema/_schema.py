"""The inputs and tasks of one model, and all that was learned of their columns."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from plait import modalities, tasks
from plait._catalogue import find
from plait._errors import ArtifactError, SchemaError, UserError, listing, together
from plait.data import Masked, Note, Pack, Packed, Table
from plait.modalities import Modality
from plait.tasks import Task

from ._infer import infer_inputs, infer_tasks

Part = TypeVar("Part", Modality, Task)

USUAL = TypeAdapter(dict[str, dict[str, float]] | None)


@dataclass(frozen=True)
class Schema:
    """The inputs and tasks of one model: declared or inferred, fitted to a table, saved as JSON.

    Args:
        inputs: A modality for each input, by the input's name.
        tasks: A task for each target, by the task's name.
        ignored: Columns that were left out when the schema was inferred, and why.
        usual: How often each thing happened to the cells of a column for a row of training, as
            ``{"age": {"missing": 0.1}}``; None where nobody counted.

    Raises:
        SchemaError: If there is no input or no task, or a target is an input too.

    Example:
        >>> import torch
        >>> table = {"age": [30, None, 41], "bought": [True, None, False]}
        >>> schema = Schema.infer(table, targets=["bought"]).fit(table)
        >>> schema.tasks["bought"].classes
        ('false', 'true')
        >>> batch = schema.pack(table)[torch.tensor([0, 1])]
        >>> batch.inputs["age"].mask.tolist(), batch.targets["bought"].mask.tolist()
        ([[True], [False]], [True, False])
        >>> Schema.from_dict(schema.to_dict()) == schema
        True
    """

    inputs: Mapping[str, Modality]
    tasks: Mapping[str, Task]
    ignored: Mapping[str, str] = field(default_factory=dict)
    usual: Mapping[str, Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        if not self.inputs or not self.tasks:
            missing = "input" if not self.inputs else "target"
            raise SchemaError(
                f"A schema should have at least one input and one target. Found no {missing}."
                + (
                    f" Left out: {dict(self.ignored)}. Say what one is, for example "
                    f"inputs={{{next(iter(self.ignored))!r}: 'numeric'}}."
                    if self.ignored and not self.inputs
                    else ""
                )
            )
        # An input or a task that names no column takes the one that bears its own name.
        named = {n: p if p.columns else replace(p, columns=(n,)) for n, p in self.inputs.items()}
        asked = {n: t if t.column else replace(t, column=n) for n, t in self.tasks.items()}
        object.__setattr__(self, "inputs", named)
        object.__setattr__(self, "tasks", asked)
        leaks = sorted(set(self.columns) & {task.column for task in asked.values()})
        if leaks:
            raise SchemaError(
                f"A target should not be an input of the same model. Found both: {listing(leaks)}. "
                "Leave it out of the inputs."
            )

    @classmethod
    def infer(
        cls,
        table: Any,
        targets: Iterable[str] | Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
    ) -> "Schema":
        """Guess the kind of every column by its values and its name.

        Args:
            table: Whatever holds a table (see :meth:`plait.data.Table.of`).
            targets: The names of the target columns, or a mapping from each to a task, the name
                of a task type, or None for a guess.
            inputs: What is known better: from a column (or the name of a new input) to a modality,
                the name of one, a mapping of its options, or ``"ignore"``. All other columns are
                guessed.

        Raises:
            DataError: If a target is not in the table or cannot be one; all problems at once.
        """
        source = Table.of(table)
        tasks_by_name = infer_tasks(source, targets)
        taken = {task.column or name for name, task in tasks_by_name.items()}
        guessed, ignored = infer_inputs(source, inputs or {}, taken)
        return cls(guessed, tasks_by_name, ignored)

    @property
    def columns(self) -> list[str]:
        """The columns of all inputs."""
        return [column for part in self.inputs.values() for column in part.columns]

    @property
    def seen(self) -> int | None:
        """The least that an input says of how many rows it learns from before it knows them."""
        said = [part.SEEN for part in self.inputs.values() if part.SEEN is not None]
        return min(said) if said else None

    def fit(self, table: Any) -> "Schema":
        """A copy whose parts know what they have to know of the training table.

        Raises:
            DataError: If a column is missing or cannot be used; all problems at once.
        """
        source = Table.of(table)
        source.require([*self.columns, *(task.column for task in self.tasks.values())])
        problems: list[str] = []
        inputs = _each(self.inputs, lambda part: part.fit(source), problems)
        fitted = _each(self.tasks, lambda task: task.fit(source), problems)
        together(problems)
        _check_answers(fitted)
        return Schema(inputs, fitted, self.ignored)

    def pack(self, table: Any) -> Pack:
        """Turn each column into tensors, once. A target whose column is not there is left out.

        Raises:
            DataError: If a column is missing or cannot be read; all problems at once.
        """
        source = Table.of(table)
        source.require(self.columns)
        problems: list[str] = []
        inputs = _each(self.inputs, lambda part: part.pack(source), problems)
        there = {name: task for name, task in self.tasks.items() if task.column in source}
        targets = _each(there, lambda task: task.pack(source), problems)
        together(problems)
        return Pack(
            rows=len(source),
            inputs={name: packed.cells for name, packed in inputs.items()},
            targets={name: _dense(packed) for name, packed in targets.items()},
            notes=tuple(_notes([*inputs.values(), *targets.values()])),
        )

    def decode(self, outputs: Mapping[str, Tensor]) -> pa.Table:
        """Raw outputs as a table of answers, in the user's own units."""
        columns: dict[str, pa.Array] = {}
        for name, task in self.tasks.items():
            columns |= task.decode(outputs[name])
        return pa.table(columns)

    def to_dict(self) -> dict[str, Any]:
        """Plain mappings, lists, numbers and strings, for JSON."""
        return {
            "inputs": {name: _plain(part) for name, part in self.inputs.items()},
            "tasks": {name: _plain(task) for name, task in self.tasks.items()},
            "ignored": dict(self.ignored),
            "usual": None if self.usual is None else {c: dict(n) for c, n in self.usual.items()},
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], own: Iterable[type] = ()) -> "Schema":
        """The way back from :meth:`to_dict`.

        Args:
            plain: What :meth:`to_dict` gave.
            own: Your own modality and task classes that it may name. Nothing is imported because
                a file says so.

        Raises:
            ArtifactError: If it is not the dict of a schema.
        """
        classes = {item.__name__: item for item in own}
        try:
            return cls(
                {n: _built(modalities, Modality, p, classes) for n, p in plain["inputs"].items()},
                {n: _built(tasks, Task, p, classes) for n, p in plain["tasks"].items()},
                dict(plain["ignored"]),
                USUAL.validate_python(plain.get("usual")),
            )
        except (KeyError, TypeError, AttributeError, ValidationError) as error:
            raise ArtifactError(f"This is not the schema of a model: {error}") from error


def _check_answers(tasks: Mapping[str, Task]) -> None:
    # Before any training: two answers under one name would leave one of them out of the table.
    owner: dict[str, str] = {}
    for name, task in tasks.items():
        for column in task.decode(task.start().unsqueeze(0)):
            if column in owner:
                raise SchemaError(
                    "Each answer needs a column of its own. The targets "
                    f"{owner[column]!r} and {name!r} both answer in {column!r}. Rename or leave "
                    "out one of them."
                )
            owner[column] = name


def _each(parts: Mapping[str, Any], do: Callable[[Any], Any], problems: list[str]) -> dict:
    done = {}
    for name, part in parts.items():
        try:
            done[name] = do(part)
        except UserError as error:
            problems.append(str(error))
    return done


def _dense(packed: Packed) -> Masked:
    assert isinstance(packed.cells, Masked), "labels are packed dense"
    return packed.cells


def _notes(packed: Iterable[Packed]) -> Iterable[Note]:
    return (note for each in packed for note in each.notes)


def _plain(part: Modality | Task) -> dict[str, Any]:
    return {"type": type(part).__name__, **TypeAdapter(type(part)).dump_python(part, mode="json")}


def _built(
    package: Any, kind: type[Part], plain: Mapping[str, Any], own: Mapping[str, type]
) -> Part:
    name = plain["type"]
    if ":" in name:
        raise ArtifactError(f"A saved schema should name classes only. Found {name!r}.")
    made = own[name] if name in own else find(package, kind, name)
    options = {key: value for key, value in plain.items() if key != "type"}
    return TypeAdapter(made).validate_python(options, context=dict(own))
