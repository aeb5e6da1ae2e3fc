"""A modality within a modality: as an object, by name, or as a mapping of its options."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, PlainSerializer, TypeAdapter

from plait._catalogue import find
from plait._errors import ConfigError
from plait._validate import checked

from ._base import Modality


def plain(part: Modality) -> dict[str, Any]:
    """Its type and its options, for JSON."""
    return {"type": type(part).__name__, **TypeAdapter(type(part)).dump_python(part, mode="json")}


def made(said: Any, info: Any) -> Any:
    """A modality from what was said of it; whatever else it is, for pydantic to refuse.

    Args:
        said: A modality, the name of one, or a mapping of its ``type`` and options.
        info: What pydantic tells a validator; its context may hold the user's own classes by name.

    Raises:
        ConfigError: If there is no such modality or option.
    """
    if isinstance(said, str):
        said = {"type": said}
    if not isinstance(said, Mapping):
        return said
    options = {str(name): value for name, value in said.items()}
    name = str(options.pop("type", ""))
    own = info.context or {}
    if name in own:
        return TypeAdapter(own[name]).validate_python(options, context=own)
    if ":" in name:
        # A saved model is read by this too, and may not make plait import anything.
        raise ConfigError(
            f"`of` should name a modality of plait. Found {name!r}. Hand one of your own over as "
            "an object."
        )
    kind = find(sys.modules[__package__ or ""], Modality, name)
    if info.context is not None:
        return TypeAdapter(kind).validate_python(options, context=own)
    return checked(kind, options, f"what a cell holds ({kind.__name__})")


Inner = Annotated[InstanceOf[Modality], BeforeValidator(made), PlainSerializer(plain)]
"""The type of an option that is a modality."""
