"""``plait predict``: answers of a saved model, to a file."""

import time
from pathlib import Path
from typing import Annotated

import typer

from plait._errors import UserError

from ._options import Data, Json, Overwrite, Root, Saved
from ._place import check_file
from ._show import emit, notes, say, waiting
from ._write import ENDINGS, write


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
        from plait._answer import answer
        from plait._load import load
        from plait.data import Table

        learner = load(run)
        source = Table.of(data, root)
        began = time.monotonic()
        found_answers = answer(
            learner.schema,
            learner.model,
            source,
            keep or [],
            lambda rows: update(f"answered {rows:,} of {len(source):,} rows"),
        )
        seconds = time.monotonic() - began
        write(found_answers.table, target)
    found = {
        "output": str(output),
        "rows": len(source),
        "seconds": round(seconds, 3),
        "rows_per_second": round(len(source) / max(seconds, 1e-9), 1),
        "columns": found_answers.table.column_names,
        "notes": [str(note) for note in found_answers.notes],
    }
    if as_json:
        emit(found)
        return
    say(
        f"{found['rows']:,} rows in {seconds:.2f} s ({found['rows_per_second']:,.0f} rows/s), "
        f"written to {output}"
    )
    say(f"answers: {', '.join(found_answers.table.column_names)}")
    notes(found_answers.notes, "Cells that were not taken as they stand")
