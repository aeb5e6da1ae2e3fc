"""All columns of a table to inputs and tasks: what is declared, and guesses for the rest."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from plait import modalities, tasks
from plait._catalogue import find
from plait._errors import DataError, SchemaError, UserError, suggestion, together
from plait._validate import checked
from plait.data import Table
from plait.data._cells import is_string
from plait.modalities import Modality
from plait.tasks import Task

from ._guess import separator_of
from ._guess_input import COUNTS, guess_input
from ._guess_places import halved, places, unpaired
from ._guess_target import guess_target

GROUPS = {
    "Numeric": "numbers",
    "Categorical": "categories",
    "Datetime": "dates",
    "Geo": "location",
}
"""Modalities that take many columns at once, and what such a group is called."""

Part = TypeVar("Part", Modality, Task)


def infer_tasks(table: Table, targets: Iterable[str] | Mapping[str, Any]) -> dict[str, Task]:
    """A task for each target: as declared, or guessed from its column."""
    if isinstance(targets, str):
        targets = [targets]
    asked = targets if isinstance(targets, Mapping) else dict.fromkeys(targets)
    table.require(_column(name, wish) for name, wish in asked.items())
    found, problems = {}, []
    for name, wish in asked.items():
        try:
            found[name] = _task(table, name, wish)
        except UserError as error:
            problems.append(str(error))
    together(problems)
    return found


def _task(table: Table, name: str, wish: Any) -> Task:
    if isinstance(wish, Task):
        return wish
    kind, options = _wish(wish)
    if kind is None:
        guess = guess_target(name, table[_column(name, wish)])
        kind, options = guess.kind, {**dict(guess.options), **options}
    if kind.lower() == "multilabel" and "separator" not in options:
        cells = table[_column(name, wish)]
        separator = separator_of(cells) if is_string(cells.type) else None
        options |= {"separator": separator} if separator else {}
    return make(tasks, Task, kind, options, f"the target {name!r}")


def _column(name: str, wish: Any) -> str:
    said = wish.get("column") if isinstance(wish, Mapping) else getattr(wish, "column", "")
    return said or name


def infer_inputs(
    table: Table, wishes: Mapping[str, Any], taken: set[str]
) -> tuple[dict[str, Modality], dict[str, str]]:
    """Inputs from the columns that are not taken, and the columns left out with the reason.

    Columns of numbers become one input, columns of categories another, dates a third; a latitude
    and a longitude become one.
    """
    declared = {n: w for n, wish in wishes.items() if (w := _declared(n, wish))}
    spoken = {column for name, part in declared.items() for column in part.columns or (name,)}
    wishes = {name: wish for name, wish in wishes.items() if name not in declared}
    _check_names(table, wishes, spoken, taken)
    inputs: dict[str, Modality] = {}
    groups: dict[str, list[str]] = {}
    ignored: dict[str, str] = {}
    meant: list[str] = []
    for column in table.names:
        if column in declared:
            inputs[column] = declared[column]
            if column not in spoken and column not in taken:
                ignored[column] = "another input bears its name"
            continue
        # What another input reads is not guessed once more, but it may be asked for twice.
        if column in taken or (column in spoken and wishes.get(column) in (None, "ignore")):
            continue
        kind, options = _wish(wishes.get(column))
        if options.pop("ignore", False) or kind == "ignore":
            ignored[column] = "you said so"
            continue
        asked = kind is not None
        if kind is None:
            guess = guess_input(column, table[column])
            if guess.kind == "ignore" and not options:
                ignored[column] = guess.why
                continue
            kind = guess.kind if guess.kind != "ignore" else "Text"
            options = {**dict(guess.options), **options}
        kind = find(modalities, Modality, kind).__name__
        half = kind == "Geo" and halved(table[column])
        if half and (asked or options):
            meant.append(column)
        # A cell that holds a whole place needs no other column.
        if kind in GROUPS and not options and (half or kind != "Geo"):
            groups.setdefault(kind, []).append(column)
        else:
            inputs[column] = make(modalities, Modality, kind, options, f"the input {column!r}")
    halves = groups.pop("Geo", [])
    pairs, alone = places(halves)
    unpaired([*alone, *(column for column in meant if column not in halves)], meant)
    if alone:
        numeric = {*groups.get("Numeric", []), *alone}
        groups["Numeric"] = [column for column in table.names if column in numeric]
    _check_groups(table, wishes, {**groups, **({"Geo": pairs} if pairs else {})})
    if not inputs and not groups and not pairs and not declared:
        # A column that counts the rows says little, but more than nothing.
        counting = [column for column, why in ignored.items() if why == COUNTS]
        groups |= {"Numeric": counting} if counting else {}
        ignored = {column: why for column, why in ignored.items() if column not in counting}
    for kind, columns in [*groups.items(), *(("Geo", pair) for pair in pairs)]:
        name = GROUPS[kind]
        # A wish for the group reaches it whatever it comes to be called.
        wish = wishes.get(name) if name not in table else None
        said, options = _wish(wish)
        if options.pop("ignore", False) or said == "ignore":
            ignored |= dict.fromkeys(columns, "you said so")
            continue
        while name in inputs or name in declared or (name in table and len(columns) > 1):
            name += "_"
        name = columns[0] if len(columns) == 1 else name
        options = {**options, "columns": tuple(columns)}
        inputs[name] = make(modalities, Modality, said or kind, options, f"the input {name!r}")
    inputs |= {name: part for name, part in declared.items() if name not in inputs}
    return inputs, ignored


def _check_groups(table: Table, wishes: Mapping[str, Any], groups: Mapping[str, Any]) -> None:
    made = {GROUPS[kind] for kind in groups}
    together(
        [
            f"There is no group {name!r} to give options to: no column of that kind was found."
            for name in wishes
            if name in GROUPS.values() and name not in table and name not in made
        ],
        SchemaError,
    )


def _declared(name: str, wish: Any) -> Modality | None:
    if isinstance(wish, Modality):
        return wish
    if isinstance(wish, Mapping) and wish.get("columns"):
        kind, options = _wish(wish)
        return make(modalities, Modality, kind or "", options, f"the input {name!r}")
    return None


def _check_names(
    table: Table, wishes: Mapping[str, Any], spoken: set[str], taken: set[str]
) -> None:
    known = [*table.names, *GROUPS.values()]
    problems = [
        f"There is no column {column!r} in the table.{suggestion(column, table.names)}"
        for column in sorted(spoken)
        if column not in table
    ]
    problems += [
        f"There is no column {name!r} to make an input of.{suggestion(name, known)}"
        for name in wishes
        if name not in known
    ]
    together(problems, DataError)
    wanted = {name for name, wish in wishes.items() if wish != "ignore"}
    both = sorted((wanted | spoken) & taken)
    if both:
        raise SchemaError(f"A target should not be an input too. Found both: {both}.")


def _wish(wish: Any) -> tuple[str | None, dict[str, Any]]:
    if wish is None:
        return None, {}
    if isinstance(wish, str):
        return wish, {}
    if isinstance(wish, Mapping):
        options = dict(wish)
        return options.pop("type", None), options
    raise SchemaError(
        "An input or a target should be declared as an object of plait, the name of a type, or a "
        f"mapping of options. Found {wish!r}."
    )


def make(
    package: Any, kind: type[Part], name: str, options: Mapping[str, Any], subject: str
) -> Part:
    """An object of the class called ``name``, with options that are checked and explained.

    Raises:
        ConfigError: If there is no such class or option, or a value does not fit.
    """
    return checked(find(package, kind, name), options, f"{subject} ({name})")
