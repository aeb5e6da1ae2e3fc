"""From what a wrapper was given to the method in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from plait._catalogue import find
from plait._errors import ConfigError, UserError

from ._base import Balancer

Of = str | Mapping[str, Any] | type[Balancer] | Balancer


def inner(owner: str, tasks: Sequence[str], of: Of) -> Balancer:
    """The method that a wrapper goes around.

    Args:
        owner: The wrapper.
        tasks: The names of the tasks.
        of: A name, ``{"name": ..., option: ...}``, a class, or an object for the same tasks.

    Raises:
        ConfigError: If there is no such method, or it does not fit.
    """
    if isinstance(of, Balancer):
        if of.tasks != tuple(tasks):
            raise ConfigError(
                f"`of` of {owner} should be made for the tasks {list(tasks)}, in this order. It is "
                f"made for {list(of.tasks)}. Give its class, and it is built to fit."
            )
        return of
    options: dict[str, Any] = {}
    kind: Any = of
    if isinstance(of, Mapping):
        options = dict(of)
        kind = options.pop("name", None)
    if isinstance(kind, str):
        kind = _named(owner, kind)
    if not (isinstance(kind, type) and issubclass(kind, Balancer)):
        raise ConfigError(
            f"`of` of {owner} should be the name of a balancer, {{'name': ..., option: ...}}, a "
            f"class, or an object for the same tasks. Got {of!r}."
        )
    try:
        return kind(tasks, **options)
    except UserError as error:
        raise ConfigError(f"`of` of {owner} does not fit. {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"The options of {kind.__name__} in `of` of {owner} do not fit: {error}."
        ) from error


def _named(owner: str, name: str) -> type[Balancer]:
    if ":" in name:
        raise ConfigError(
            f"`of` of {owner} should name a balancer of plait, since a name may not make it import "
            f"anything. Got {name!r}. Give the class itself."
        )
    from plait import balancing  # it shows this file

    try:
        return find(balancing, Balancer, name)
    except ConfigError as error:
        raise ConfigError(f"`of` of {owner} should name a balancer. {error}") from error
