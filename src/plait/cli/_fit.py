"""``plait fit``: learn from a table and save the model."""

import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait._errors import Stopped, UserError
from plait._words import number

from ._choices import choices
from ._options import ConfigFile, Data, Json, Overwrite, Root, Settings, Targets
from ._place import check_writable
from ._show import emit, heading, notes, say, table, tell

if TYPE_CHECKING:
    from plait._learner import Learner

STOPPED = {
    "done": "all epochs are done",
    "patience": "the score did not rise any more",
    "budget": "the time is used up",
    "asked": "it was asked to stop",
}


def fit(
    data: Data,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="RUN",
            help="The folder to write the model to.",
            show_default=False,
        ),
    ],
    targets: Targets = None,
    valid: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="Rows to choose the best epoch by; else a share of DATA."
        ),
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long to train: 90s, 20m, 1.5h.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of everything random. [default: 0]")
    ] = None,
    root: Root = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the newest checkpoint in RUN, if there is one."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Learn to answer the targets from all other columns, and save the model."""  # fmt: skip
    chosen = choices(config, settings or [], targets or [], seed, budget)
    if not chosen.targets:
        raise UserError(
            "A model needs at least one target. Found none. Name a column with -t COLUMN; "
            f"`plait inspect {data}` shows what there is."
        )
    target = output.expanduser().absolute()
    from plait._artifact import CHECKPOINTS, check_free, unfinished
    from plait.training._world import attempt, first

    checkpoints, resume = target / CHECKPOINTS, resume or attempt() > 0
    if resume and (target / "manifest.json").is_file() and not checkpoints.is_dir():
        _over(output, as_json)
        return
    check_free(target, overwrite or resume)
    if checkpoints.is_dir() and not resume:
        if not overwrite:
            raise UserError(
                f"There is an unfinished training in {str(output)!r}. Go on with --resume, or "
                "begin anew with --overwrite."
            )
        if first():  # of several processes the others do not look before it has
            shutil.rmtree(target if unfinished(target) else checkpoints)
    check_writable(target)
    from plait._learner import Learner
    from plait.training import Progress

    learner = Learner.from_config(chosen)
    with Progress(chosen.seconds) as progress:
        watching = [progress] if first() else []
        try:
            learner.fit(
                data,
                valid,
                root=root,
                callbacks=watching,
                progress=False,
                checkpoints=checkpoints,
                resume=resume,
            )
        except Stopped as stop:
            tell(f"{stop} Go on with --resume.")
            raise typer.Exit(128 + stop.signal) from stop
    if not first():  # of several processes all have the same model, and one writes it
        return
    learner.save(target, overwrite=overwrite or resume)
    found = _summary(learner, output)
    if as_json:
        emit(found)
        return
    _shown(found, learner)


def _over(output: Path, as_json: bool) -> None:
    if as_json:
        emit({"run": str(output), "done": True})
    else:
        say(f"The model in {output} is finished: there is nothing to go on with.")


def _summary(learner: "Learner", output: Path) -> dict[str, Any]:
    history, schema = learner.history, learner.schema
    best = history.epochs[history.best - 1]
    return {
        "run": str(output),
        "rows": learner.rows,
        "rows_held_back": learner.rows_held_back,
        "inputs": {
            name: {"type": type(part).__name__, "columns": list(part.columns)}
            for name, part in schema.inputs.items()
        },
        "targets": {name: type(task).__name__ for name, task in schema.tasks.items()},
        "ignored": dict(schema.ignored),
        "notes": [str(note) for note in learner.notes],
        "epochs": len(history.epochs),
        "best": history.best,
        "stopped": history.stopped,
        "seconds": round(history.seconds, 3),
        "score": best.score,
        "scores": dict(best.scores),
        "losses": dict(best.losses),
        "together": dict(history.together),
        "alone": {name: dict(scores) for name, scores in history.alone.items()},
        "verdict": history.verdict,
        "balancing": history.balancing,
    }


def _shown(found: dict[str, Any], learner: "Learner") -> None:
    held = found["rows_held_back"]
    beside = f", {held:,} more to choose the best epoch by" if held else ""
    heading(f"Learned from {found['rows']:,} rows{beside}")
    table(
        ("input", "kind", "columns"),
        [(name, part["type"], _few(part["columns"])) for name, part in found["inputs"].items()],
    )
    if found["ignored"]:
        heading("Left out")
        table(("column", "why"), list(found["ignored"].items()))
    notes(learner.notes, "Cells that were not taken as they stand")
    heading("Validation" if found["scores"] else "Training")
    table(
        ("target", "task", "score", "loss"),
        [
            (name, kind, number(found["scores"].get(name)), number(found["losses"].get(name)))
            for name, kind in found["targets"].items()
        ],
        right=("score", "loss"),
    )
    if found["scores"]:
        say("score: 1 is perfect, 0 knows nothing of the row; loss: of the training rows")
    else:
        say("No rows were held back: there are no scores, and the last weights are kept.")
    if found["balancing"]:
        say(found["balancing"])
    if found["verdict"]:
        say(found["verdict"])
    why = STOPPED.get(found["stopped"], found["stopped"])
    say(
        f"\nBest epoch: {found['best']} of {found['epochs']}, in {found['seconds']:.1f} s; it "
        f"stopped because {why}."
    )
    say(f"The model is in {found['run']}. Next: plait evaluate {shlex.quote(found['run'])} DATA")


def _few(names: list[str], limit: int = 6) -> str:
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest:,} more" if rest > 0 else "")
