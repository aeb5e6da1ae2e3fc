"""Arguments that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A CSV, TSV, Parquet, Arrow, Feather or JSON-lines file, or a quoted glob of them.",
        show_default=False,
    ),
]
Saved = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="The folder that `plait fit` wrote.", show_default=False),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "-t", "--target", metavar="COLUMN",
        help="A column to learn to answer; give one -t for each. Adds to those of --config.",
    ),
]  # fmt: skip
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Choices in YAML, as `inspect --write` makes."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE",
        help="Change one choice, such as training.epochs=5 or inputs.notes.type=text. Can be "
        "given again; a name that holds a dot is quoted.",
    ),
]  # fmt: skip
Root = Annotated[
    Path | None,
    typer.Option(
        "--root", metavar="DIR", help="Where paths of pictures start; else the folder of DATA."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what an earlier command wrote there.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
]
