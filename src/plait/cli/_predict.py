"""``plait predict``: answers of a saved model, to a file."""

import time
from pathlib import Path
from typing import Annotated

import typer

from plait._errors import UserError

from ._meet import crew
from ._options import Data, Json, Overwrite, Root, Saved
from ._place import check_file
from ._show import emit, say, tell, waiting
from ._write import ENDINGS, writer


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
    with crew() as together, waiting("reading", together.first) as update:
        check_file(target, overwrite)
        from plait._account import Account
        from plait._answer import IN_MEMORY, answers
        from plait._load import load
        from plait.data import Source, merged

        from ._of_all import of_all

        learner = load(run)
        source = Source.of(data, root, memory=IN_MEMORY)
        began, done, columns, found_notes = time.monotonic(), 0, [], []
        with writer(target, together) as write:
            model, share = learner.model, together.share
            for part in answers(learner.schema, model, source, keep or [], share):
                write(part.table)
                done += part.table.num_rows
                columns = part.table.column_names
                found_notes = [*merged([*found_notes, *part.notes])]
                rate = done / max(time.monotonic() - began, 1e-9)
                update(f"answered {done:,} of {source.rows:,} rows, {rate:,.0f} rows/s")
            update("waiting for other processes")
            done, found_notes = of_all(together, source, done, found_notes)
        seconds = time.monotonic() - began
    if not together.first:
        return
    account = Account.of(learner.schema, done, found_notes)
    found = {
        "output": str(output),
        "rows": done,
        "seconds": round(seconds, 3),
        "rows_per_second": round(done / max(seconds, 1e-9), 1),
        "columns": columns,
        "notes": [str(note) for note in found_notes],
        "account": account.to_dict(),
    }
    for line in account.lines:
        tell(line)
    if as_json:
        emit(found)
        return
    say(
        f"{found['rows']:,} rows in {seconds:.2f} s ({found['rows_per_second']:,.0f} rows/s), "
        f"written to {output}"
    )
    say(f"answers: {', '.join(columns)}")
