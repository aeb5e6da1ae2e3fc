"""By what a pack is found again."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import TypeAdapter

from plait._errors import ConfigError
from plait.data import Source
from plait.modalities import Modality
from plait.modalities._named_files import named_files
from plait.tasks import Task

from ._choices import Choices
from ._state import state_of

MAKERS = ("plait", "torch", "numpy", "pyarrow", "tokenizers", "pillow")
"""Another version of one of them may pack the same cells otherwise."""


def key_of(data: Source, valid: Source | None, choices: Choices) -> str | None:
    """The name of the pack of a table; None where nobody can tell one table from another.

    Nor is there a name where a class of the user's has a part in it: its code may change.

    Args:
        data: The rows.
        valid: The validation rows, where they come apart.
        choices: What a pack depends on beside the rows.
    """
    sources = [each.identity() for each in (data, valid) if each is not None]
    try:
        told = [
            [[name, _plain(part)] for name, part in said.items()]
            for said in (choices.targets, choices.inputs)
        ]
    except TypeError:
        return None
    if None in sources:
        return None
    split = [choices.share, choices.seed, choices.sample, _streamed(data, choices)]
    roots = [str(each.root.resolve()) if each.root else None for each in (data, valid) if each]
    try:
        makers = {name: version(name) for name in MAKERS}
    except PackageNotFoundError:
        return None
    body = [sources, roots, told, split, makers]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def _plain(part: Any) -> Any:
    if isinstance(part, Modality | Task):
        kind = type(part)
        _ours(part)
        return [kind.__name__, _options(TypeAdapter(kind).dump_python(part, mode="json"))]
    if isinstance(part, Mapping):
        return _options(part)
    return _worded(part) if isinstance(part, str) else _same(part)


def _ours(part: Any) -> None:
    if not type(part).__module__.startswith("plait."):
        raise TypeError(type(part))
    for each in fields(part):  # a modality may hold another
        if isinstance(getattr(part, each.name), Modality):
            _ours(getattr(part, each.name))


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    # A colon means a class of the user's, or an encoder, in these three and in no other.
    return {
        str(name): _worded(value)
        if name in ("type", "encoder", "of") and isinstance(value, str)
        else _options(value)
        if isinstance(value, Mapping)
        else _same(value)
        for name, value in options.items()
    }


def _same(value: Any) -> Any:
    return json.loads(json.dumps(value))  # a TypeError where it is nothing plain


def _worded(text: str) -> Any:
    if ":" not in text:
        return text
    try:
        files = named_files(text)
    except ConfigError as error:  # which the fit will tell
        raise TypeError(text) from error
    if files is None:  # `module:Class`, or an encoder that is somewhere else
        raise TypeError(text)
    return [text, state_of(map(str, files)), _maker(text.partition(":")[0])]


def _maker(kind: str) -> str | None:
    # What says how sounds and pictures are prepared for an encoder; those not named are ours.
    name = {"hf": "transformers", "timm": "timm"}.get(kind)
    with suppress(PackageNotFoundError):  # of texts only the tokenizer is read, which is another
        return version(name) if name else None
    return None


def _streamed(data: Source, choices: Choices) -> int | None:
    # A schema that was fitted to a part of the rows is another one, and so is that of another part.
    large = data.nbytes > choices.memory
    return choices.memory if large else None
