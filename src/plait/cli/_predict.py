"""``plait predict``: answers of a saved model, to a file."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait._errors import UserError, listing

from ._options import Data, Json, Overwrite, Root, Saved
from ._place import check_file
from ._show import emit, notes, say, waiting
from ._write import ENDINGS, write

if TYPE_CHECKING:
    import pyarrow as pa

    from plait._learner import Learner
    from plait.data import Note, Table

CHUNK = 16_384
"""Rows that are answered at a time."""


def predict(
    run: Saved,
    data: Data,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            show_default=False,
            help="Where to write the answers: .csv, .parquet, .arrow, .feather, .jsonl.",
        ),
    ],
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="A column of DATA to put before the answers. Can be given again."
        ),
    ] = None,
    root: Root = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write the answer for every row of a table, in order."""  # fmt: skip
    target = output.expanduser()
    if target.suffix.lower() not in ENDINGS:
        raise UserError(
            f"The answers should go to a file that ends in {', '.join(ENDINGS)}. "
            f"Got {output.name!r}."
        )
    check_file(target, overwrite)
    with waiting("reading") as update:
        from plait._learner import load
        from plait.data import Table

        learner = load(run)
        source = Table.of(data, root)
        source.require(keep or [])
        began = time.monotonic()
        answers, account = _answers(learner, source, update)
        seconds = time.monotonic() - began
        write(_beside(source, keep or [], answers), target)
    found = {
        "output": str(output),
        "rows": len(source),
        "seconds": round(seconds, 3),
        "rows_per_second": round(len(source) / max(seconds, 1e-9), 1),
        "columns": answers.column_names,
        "notes": [str(note) for note in account],
    }
    if as_json:
        emit(found)
        return
    say(
        f"{found['rows']:,} rows in {seconds:.2f} s ({found['rows_per_second']:,.0f} rows/s), "
        f"written to {output}"
    )
    say(f"answers: {', '.join(answers.column_names)}")
    notes(account, "Cells that were not taken as they stand")


def _answers(
    learner: "Learner", source: "Table", update: Callable[[str], Any]
) -> tuple["pa.Table", list["Note"]]:
    from dataclasses import replace

    import pyarrow as pa

    from plait.training import outputs

    parts: list[pa.Table] = []
    account: dict[tuple[str, str], Note] = {}
    for start in range(0, len(source), CHUNK):
        update(f"answering {start:,} of {len(source):,} rows")
        pack = learner.schema.pack(replace(source, arrow=source.arrow.slice(start, CHUNK)))
        parts.append(learner.schema.decode(outputs(learner.model, pack)))
        for note in pack.notes:
            known = account.get((note.column, note.what))
            count = note.count + (known.count if known else 0)
            account[note.column, note.what] = replace(known or note, count=count)
    targets = {task.column for task in learner.schema.tasks.values()}
    # A table to answer may well have no labels, or old ones: they are nobody's business here.
    return pa.concat_tables(parts), [n for n in account.values() if n.column not in targets]


def _beside(source: "Table", keep: Sequence[str], answers: "pa.Table") -> "pa.Table":
    import pyarrow as pa

    twice = [name for name in keep if name in answers.column_names]
    if twice:
        raise UserError(
            f"A kept column should not bear the name of an answer. Found {listing(twice)}. Rename "
            "it in the table, or do without it: the rows are in the same order."
        )
    kept = {name: source.arrow.column(name) for name in keep}
    return pa.table({**kept, **dict(zip(answers.column_names, answers.columns, strict=True))})
