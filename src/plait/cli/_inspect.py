"""``plait inspect``: what the columns of a table seem to be."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._choices import choices
from ._options import ConfigFile, Data, Json, Overwrite, Root, Settings, Targets
from ._place import check_file, draft
from ._show import emit, heading, notes, say, table, tell, waiting

if TYPE_CHECKING:
    from plait.data import Table
    from plait.modalities import Modality
    from plait.tasks import Task

QUICK = ("Numeric", "Categorical", "Datetime", "Tags", "Vector")
"""Modalities that are fitted and packed in no time, so that the account of their cells is whole."""


def inspect(
    data: Data,
    targets: Targets = None,
    config: ConfigFile = None,
    settings: Settings = None,
    root: Root = None,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it all as YAML, to be changed and given to fit."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Show what each column seems to be, and why; nothing is trained."""
    if write:
        check_file(write.expanduser(), overwrite)
    chosen = choices(config, settings or [], targets or [])
    with waiting("reading the table"):
        from plait.data import Table

        found = _inspected(Table.of(data, root), chosen.targets, chosen.inputs)
    if write:
        from ._draft import written

        with draft(write.expanduser()) as file:
            file.write_text(written(data, found, chosen), encoding="utf-8")
    if as_json:
        emit(found)
        return
    _shown(found)
    if write:
        command = shlex.join(["plait", "fit", data, "--config", str(write), "-o", "RUN"])
        tell(f"\nWrote {write}. Change what you know better, then\n  {command}")


def _inspected(
    source: "Table", targets: Mapping[str, Any], wishes: Mapping[str, Any]
) -> dict[str, Any]:
    from plait.data import Note
    from plait.schema._infer import infer_inputs, infer_tasks

    tasks = infer_tasks(source, targets)
    taken = {task.column or name for name, task in tasks.items()}
    inputs, ignored = infer_inputs(source, wishes, taken)
    account: list[Note] = []
    problems: list[str] = []
    answers = [
        _target(source, name, task, targets.get(name), account) for name, task in tasks.items()
    ]
    for name, part in inputs.items():
        problems += _account(source, name, part, account)
    declared = set(wishes) | {c for n in wishes if n in inputs for c in inputs[n].columns}
    kinds = {c: part for name, part in inputs.items() for c in part.columns or (name,)}
    return {
        "rows": len(source),
        "columns": [
            _column(source, name, kinds.get(name), ignored.get(name), name in declared)
            for name in source.names
            if name not in taken
        ],
        "targets": answers,
        "notes": [str(note) for note in account],
        "problems": problems,
    }


def _column(
    source: "Table", name: str, part: "Modality | None", ignored: str | None, declared: bool
) -> dict[str, Any]:
    import pyarrow.compute as pc

    from plait.data._cells import is_bytes, is_list, texts
    from plait.schema._guess_input import guess_input

    cells = source[name]
    guess = guess_input(name, cells)
    plain = not (is_list(cells.type) or is_bytes(cells.type) or cells.type.num_fields)
    known = texts(cells) if plain else cells
    why = ignored or ("you said so" if declared or part is None else guess.why)
    return {
        "name": name,
        "kind": type(part).__name__ if part else "ignore",
        "why": why,
        "missing": known.null_count / len(known),
        "distinct": pc.count_distinct(known).as_py() if plain else None,
        "options": dict(guess.options) if part and not declared else {},
    }


def _target(
    source: "Table", name: str, task: "Task", wish: Any, account: list[Any]
) -> dict[str, Any]:
    from dataclasses import replace

    from plait.schema._guess_target import guess_target

    task = task if task.column else replace(task, column=name)
    fitted = task.fit(source)
    packed = fitted.pack(source)
    account += packed.notes
    kind = type(fitted).__name__
    classes = [*(getattr(fitted, "classes", None) or getattr(fitted, "labels", None) or ())]
    guess = None if wish else guess_target(name, source[task.column])
    found = {
        "name": name,
        "type": kind,
        "why": guess.why if guess else "you said so",
        "labeled": int(getattr(packed.cells, "mask").sum()),  # noqa: B009 (labels are dense)
        "rows": len(source),
        "classes": classes,
        "options": dict(guess.options) if guess else {},
    }
    return {**found, "positive": classes[1]} if kind == "Binary" else found


def _account(source: "Table", name: str, part: "Modality", account: list[Any]) -> list[str]:
    from dataclasses import replace

    from plait._errors import UserError
    from plait.modalities._pictures import Sources

    part = part if part.columns else replace(part, columns=(name,))
    try:
        if type(part).__name__ in QUICK:
            account += part.fit(source).pack(source).notes
        elif type(part).__name__ == "Image":
            for column in part.columns:
                Sources.of(source[column], column, source.root)
    except UserError as error:
        return [str(error)]
    return []


def _shown(found: Mapping[str, Any]) -> None:
    rows = found["rows"]
    used = [column for column in found["columns"] if column["kind"] != "ignore"]
    left = [column for column in found["columns"] if column["kind"] == "ignore"]
    say(f"{rows:,} rows, {len(used) + len(left) + len(found['targets'])} columns")
    if found["targets"]:
        heading("Targets")
        table(
            ("target", "task", "labels", "classes", "why"),
            [
                (
                    target["name"],
                    target["type"],
                    f"{target['labeled']:,} of {rows:,}",
                    _classes(target),
                    target["why"],
                )
                for target in found["targets"]
            ],
            right=("labels",),
        )
    if used:
        heading("Inputs")
        table(
            ("column", "kind", "missing", "distinct", "why"),
            [(column["name"], column["kind"], _share(column["missing"]), _count(column["distinct"]),
              column["why"]) for column in used],
            right=("missing", "distinct"),
        )  # fmt: skip
    if left:
        heading("Left out")
        table(("column", "why"), [(column["name"], column["why"]) for column in left])
    notes(found["notes"], "Cells that cannot be taken as they stand")
    notes(found["problems"], "Problems to mend before `plait fit`")
    if not found["targets"]:
        tell("\nName what should be answered with -t COLUMN.")


def _classes(target: Mapping[str, Any]) -> str:
    if "positive" in target:
        return f"{target['classes'][0]}, {target['positive']} (positive)"
    few = target["classes"][:4]
    more = len(target["classes"]) - len(few)
    return ", ".join(few) + (f" and {more:,} more" if more else "") if few else "-"


def _share(share: float) -> str:
    return "-" if not share else "< 0.1 %" if share < 0.001 else f"{100 * share:.3g} %"


def _count(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
