"""A configuration from a file and from the words of a command."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from plait._errors import ConfigError, UserError

if TYPE_CHECKING:
    from plait._config import Config

LARGEST = 2**20


def choices(
    file: Path | None,
    settings: Sequence[str],
    targets: Sequence[str],
    seed: int | None = None,
    budget: str | None = None,
) -> "Config":
    """The choices of a run: those of a file, changed by ``--set`` and by the other options.

    Raises:
        ConfigError: If the file cannot be read, or a choice does not exist or does not fit.
    """
    from plait._config import Config

    config = Config() if file is None else _read(file)
    config = config.changed(settings)
    asked = {name: config.targets.get(name) for name in targets}
    config = replace(config, targets={**config.targets, **asked})
    if seed is not None:
        config = config.changed([f"seed={seed}"])
    if budget is not None:
        config = replace(config, budget=budget)
        _ = config.seconds  # tells what is wrong with it
    _see_own_modules(config)
    return config


def _read(file: Path) -> "Config":
    from plait._config import Config

    with file.expanduser().open("rb") as opened:
        content = opened.read(LARGEST + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(content) <= LARGEST:
            raise ConfigError(f"{str(file)!r} should be a text in UTF-8. {error}.") from error
        text = content.decode("utf-8", "replace")
    try:
        return Config.read(text)
    except UserError as error:
        raise ConfigError(f"In {str(file)!r}: {error}") from error


def _see_own_modules(config: "Config") -> None:
    # `mymodule:MyBalancer` lies in the working folder more often than not. At the end of the
    # path it can stand for no other module.
    parts = (config.fusion, config.sharing, config.balancing, config.modality_balancing,
             config.pretraining, *config.inputs.values(), *config.targets.values())  # fmt: skip
    names = [
        part.get("name", part.get("type", "")) if isinstance(part, dict) else part for part in parts
    ]
    if any(":" in str(name) for name in names) and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
