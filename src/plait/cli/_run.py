"""A command from its words to its exit code: who is at fault, and what is said about it."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from plait._errors import NonFiniteError, UserError

from ._app import app
from ._show import clean, emit

DONE, OURS, THEIRS, STOPPED, UNREAD = 0, 1, 2, 130, 141

# typer shows what it raises for a wrong word or option only by its children.
(WrongUse, *_) = typer.BadParameter.__bases__


def run(arguments: Sequence[str]) -> int:
    """Run a command; every error becomes a message and an exit code."""
    as_json = "--json" in arguments
    try:
        code = app(list(arguments) or ["--help"], prog_name="plait", standalone_mode=False)
        if code == STOPPED:  # typer's answer to Ctrl-C
            print("stopped: nothing was written", file=sys.stderr)
        return code if isinstance(code, int) else DONE
    except (BrokenPipeError, SystemExit):  # SystemExit is typer's answer to a broken pipe
        silence()
        return UNREAD
    except UserError as error:
        return _theirs(str(error), as_json, error.exit_code)
    except NonFiniteError as error:
        return _theirs(str(error), as_json)
    except OSError as error:
        return _theirs(_file_trouble(error), as_json)
    except Exception as error:  # noqa: BLE001 (the outermost door: nothing may pass it unexplained)
        if isinstance(error, WrongUse):
            return _theirs(_wrong_use(error), as_json)
        return _ours(error, as_json)


def silence() -> None:
    """Send what is left on stdout nowhere, so that Python does not complain when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _theirs(message: str, as_json: bool, code: int = THEIRS) -> int:
    if as_json:
        emit({"error": message})
    print(f"error: {clean(message)}", file=sys.stderr)
    return code


def _ours(error: Exception, as_json: bool) -> int:
    if as_json:
        emit({"error": f"{type(error).__name__}: {error}"})
    traceback.print_exception(error)
    print(
        "error: This is a fault of plait and not of your data. Please report this with the lines "
        "above.",
        file=sys.stderr,
    )
    return OURS


def _file_trouble(error: OSError) -> str:
    if error.strerror and error.filename is not None:
        return f"{error.strerror}: {str(error.filename)!r}."
    return f"{error.strerror or error}."


def _wrong_use(error: Any) -> str:
    path = error.ctx.command_path if error.ctx else "plait"
    message = error.format_message().rstrip(".")
    return f"{message}. See `{path} --help`."
