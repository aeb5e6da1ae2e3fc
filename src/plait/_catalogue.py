"""From a name in a file to a class in a package: no registry, no decorator."""

import importlib
import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import TypeVar

from ._errors import ConfigError, suggestion

T = TypeVar("T")


def catalogue(package: ModuleType, kind: type[T]) -> Mapping[str, type[T]]:
    """Every concrete class of ``kind`` that ``package`` shows to the world, by its own name.

    Example:
        >>> from plait import sharing
        >>> "Bottom" in catalogue(sharing, sharing.Sharing)
        True
    """
    return {
        name: item
        for name, item in vars(package).items()
        if isinstance(item, type) and issubclass(item, kind) and not inspect.isabstract(item)
    }


def find(package: ModuleType, kind: type[T], name: str) -> type[T]:
    """The class called ``name``, in the package or, written ``module:Class``, anywhere.

    Upper and lower case do not matter for a name of the package. A user's own class is never
    looked up by accident: it takes the colon.

    Args:
        package: Where the classes of ``kind`` are shown.
        kind: The base class that is wanted.
        name: The name of a class, or ``mymodule:MyClass``.

    Raises:
        ConfigError: If there is no such class, or it is of another kind.

    Example:
        >>> from plait import fusion
        >>> find(fusion, fusion.Fusion, "Atention")
        Traceback (most recent call last):
        ...
        plait._errors.ConfigError: There is no Fusion called 'Atention' in plait.fusion.
        Did you mean 'Attention'? Known: Attention, ...
    """
    known = catalogue(package, kind)
    if ":" in name:
        return _own(kind, name)
    by_lower = {item.lower(): found for item, found in known.items()}
    if name.lower() in by_lower:
        return by_lower[name.lower()]
    raise ConfigError(
        f"There is no {kind.__name__} called {name!r} in {package.__name__}."
        f"{suggestion(name, known)} Known: {', '.join(sorted(known))}."
    )


def _own(kind: type[T], name: str) -> type[T]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{name!r} should name a {kind.__name__} as `module:Class`. {error}. "
            "Is the module on the Python path?"
        ) from error
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise ConfigError(f"{name!r} should be a {kind.__name__}. Found {found!r}.")
    return found
