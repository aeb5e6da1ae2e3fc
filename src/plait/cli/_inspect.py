"""``plait inspect``: what the columns of a table seem to be."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from plait._words import percent

from ._choices import choices
from ._options import ConfigFile, Data, Json, Overwrite, Root, Settings, Targets
from ._place import check_file, draft
from ._show import emit, heading, notes, say, table, tell, waiting

TITLES = {
    "leak": "Likely leaks",
    "id": "Columns that number the rows",
    "constant": "Columns that are nearly always the same",
    "empty": "Rows without any input",
    "duplicate": "Rows that are there twice",
    "shared": "Rows that are in both tables",
    "contradiction": "Labels that contradict each other",
    "columns": "Columns of one table only",
    "drift": "What is not the same in the second table",
}
SAID = 10
"""How many findings of a kind are told; all of them are in the JSON."""


def inspect(
    data: Data,
    targets: Targets = None,
    config: ConfigFile = None,
    settings: Settings = None,
    valid: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="A second table: rows that are in both, and what moved."),
    ] = None,
    root: Root = None,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it all as YAML, to be changed and given to fit."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Show what each column seems to be, and what is wrong with the table; nothing is trained."""
    if write:
        check_file(write.expanduser(), overwrite)
    chosen = choices(config, settings or [], targets or [])
    with waiting("reading the table"):
        from plait.inspection import inspect as inspected

        found = inspected(data, chosen.targets, chosen.inputs, valid=valid, root=root).to_dict()
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
    for kind, title in TITLES.items():
        told = [each["told"] for each in found["findings"] if each["kind"] == kind]
        more = [f"and {len(told) - SAID:,} more; see --json"] if len(told) > SAID else []
        notes([*told[:SAID], *more], title)
    if found["tried"]:
        tried = (f"{what} on {count:,} rows" for what, count in found["tried"].items())
        say(f"\nTried, evenly spread: {', '.join(tried)} of each table. All else on every row.")
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
    return percent(share) if share else "-"


def _count(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
