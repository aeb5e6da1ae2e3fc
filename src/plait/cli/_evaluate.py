"""``plait evaluate``: scores of a saved model on labelled rows."""

from typing import Annotated

import typer

from plait._words import number

from ._meet import crew
from ._options import Data, Json, Root, Saved
from ._show import emit, notes, table, waiting


def evaluate(
    run: Saved,
    data: Data,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INPUT", help="Score without this input or column. Can be given again."
        ),
    ] = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Score a model on rows with labels, beside answers that know nothing of the row."""
    with crew() as together, waiting("answering", together.first):
        from plait._answer import scored
        from plait._evaluate import evaluate as evaluated
        from plait._load import load
        from plait.data import Source

        from ._of_all import scored_of_all

        learner, source = load(run), Source.of(data, root)
        own = scored(learner.schema, learner.model, source, drop or [], together.share)
        parts = scored_of_all(together, source, own)
        found = evaluated(learner.schema, parts) if together.first else None
    if found is None:
        return
    if as_json:
        emit(found.to_dict())
        return
    table(
        ("task", "metric", "plait", "baseline", "rows"),
        [
            (name, metric, number(value), number(found.baselines[name].get(metric)),
             f"{scores['rows']:,.0f}")
            for name, scores in found.tasks.items()
            for metric, value in scores.items()
            if metric != "rows"
        ],
        right=("plait", "baseline", "rows"),
    )  # fmt: skip
    notes(found.notes, "Cells that were not taken as they stand")
