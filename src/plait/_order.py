"""What another process is told to do, as JSON: no object travels between processes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyarrow import ipc
from pydantic import TypeAdapter

from ._config import Config
from ._errors import ConfigError, DataError
from ._said import Said
from .data import Query, Source
from .data._file import is_url
from .modalities import Modality
from .tasks import Task
from .training import Training

ROWS = 1 << 14
"""How many rows are written at a time."""
CHOICES = ("fusion", "sharing", "balancing", "modality_balancing", "pretraining")


def choices(said: Said, config: Config) -> dict[str, Any]:
    """Every choice as the configuration that another process can be given.

    Raises:
        ConfigError: If one is an object, or a class that no other process can find.
    """
    targets = [said.targets] if isinstance(said.targets, str) else said.targets
    asked = targets if isinstance(targets, Mapping) else dict.fromkeys(targets)
    told = {
        "targets": {name: _declared(f"the target {name!r}", each) for name, each in asked.items()},
        "inputs": {
            name: _declared(f"the input {name!r}", each) for name, each in said.inputs.items()
        },
        **{name: _named(f"`{name}`", getattr(said, name)) for name in CHOICES},
        "model": {"width": config.model.width, "view": config.model.view},
        "training": TypeAdapter(Training).dump_python(config.training, mode="json"),
        "data": {name: getattr(config.data, name) for name in ("valid", "cache", "memory")},
        "seed": config.seed,
        "budget": config.budget,
    }
    for name, each in told.items():
        try:
            json.dumps(each)
        except TypeError as error:
            raise _unnamed(f"`{name}`", f"an option is no plain value: {error}") from error
    return told


def table_of(data: Any, source: Source, folder: Path, name: str) -> dict[str, Any]:
    """Where another process finds a table: in its files, or written once for all of them.

    Args:
        data: The table as it was given.
        source: The same, opened.
        folder: Where it is written if it is no file.
        name: What it is called there.

    Raises:
        DataError: If there is no room for it.
    """
    files = place_of(data)
    if files is None:
        written(source, folder / f"{name}.arrow")
    root = None if source.root is None else str(source.root.absolute())
    return {"files": files or [str(folder / f"{name}.arrow")], "root": root}


def place_of(data: Any) -> list[str] | None:
    """Where the files of a table are, from anywhere on this machine; None if it is no file."""
    paths = [data] if isinstance(data, str | Path) else data
    listed = isinstance(paths, list | tuple) and paths
    if not listed or not all(isinstance(path, str | Path) for path in paths):
        return None
    if Query.of(data):
        return None
    return [
        path if isinstance(path, str) and is_url(path) else str(Path(path).expanduser().absolute())
        for path in paths
    ]


def written(source: Source, path: Path) -> None:
    """Write a table once for the processes that have not got it, some rows at a time.

    Raises:
        DataError: If there is no room for it.
    """
    try:
        # A stream, unlike a file, may hold another dictionary for each batch.
        parts = source.parts(min(ROWS, source.rows))
        first = next(parts).arrow
        with ipc.new_stream(str(path), first.schema) as writer:
            writer.write_table(first)
            for part in parts:
                writer.write_table(part.arrow)
    except OSError as error:
        raise DataError(
            f"The table is handed to other processes by way of {str(path.parent)!r}, which should "
            f"have room for {source.nbytes:,} bytes. {error}. Set TMPDIR to a folder with more "
            "room, or give the table as a file."
        ) from error


def _declared(what: str, part: Any) -> Any:
    if not isinstance(part, Modality | Task):
        return dict(part) if isinstance(part, Mapping) else part
    return {
        "type": _known(what, type(part)),
        **TypeAdapter(type(part)).dump_python(part, mode="json"),
    }


def _named(what: str, choice: Any) -> Any:
    if isinstance(choice, type):
        return _known(what, choice)
    if isinstance(choice, Mapping):
        return {key: _named(what, each) if key == "name" else each for key, each in choice.items()}
    if choice is None or isinstance(choice, str):
        return choice
    raise _unnamed(what, f"it is an object of {type(choice).__name__!r}")


def _known(what: str, made: type) -> str:
    room = made.__module__
    if room.partition(".")[0] == "plait":
        return made.__name__
    if room == "__main__" or "." in made.__qualname__:
        raise _unnamed(what, f"{made.__qualname__!r} is no class of a module that can be imported")
    return f"{room}:{made.__name__}"


def _unnamed(what: str, why: str) -> ConfigError:
    return ConfigError(
        f"The choices that other processes are told should be names, plain options or classes of "
        f"modules. Of {what}, {why}. Name it so, or start a script of your own with torchrun: "
        "each process then makes its own."
    )
