"""The verbs, each from its own file."""

from importlib.metadata import version
from typing import Annotated

import typer

from ._doctor import doctor
from ._evaluate import evaluate
from ._fit import fit
from ._inspect import inspect
from ._predict import predict

app = typer.Typer(
    name="plait",
    help="Columns of any kind in, answers to several questions out: one PyTorch model.",
    epilog="Each verb explains itself: plait fit --help",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes around the help would take half of its time
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (inspect, fit, evaluate, predict, doctor):
    app.command()(verb)


def _version(asked: bool) -> bool:
    if asked:
        typer.echo(f"plait {version('plait')}")
        raise typer.Exit
    return asked


@app.callback()
def plait(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    """Columns of any kind in, answers to several questions out: one PyTorch model."""
