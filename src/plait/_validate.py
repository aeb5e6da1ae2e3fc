"""Options from outside to a declared value, with every problem explained at once."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ._errors import ConfigError, suggestion, together

T = TypeVar("T")


def checked(made: type[T], options: Mapping[str, Any], subject: str) -> T:
    """A value of a declared class from a mapping of its options.

    Args:
        made: A pydantic dataclass.
        options: What was written in a file, on the command line or in a call.
        subject: What they are options of, for messages.

    Raises:
        ConfigError: If an option does not exist or a value does not fit; all of them at once,
            each with the nearest name that exists.

    Example:
        >>> from plait.training import Training
        >>> checked(Training, {"epoch": 3}, "the training")
        Traceback (most recent call last):
        ...
        plait._errors.ConfigError: There is no option 'epoch' for the training.
        Did you mean 'epochs'?
    """
    try:
        return TypeAdapter(made).validate_python(dict(options))
    except ValidationError as error:
        together([_told(made, each, subject) for each in _distinct(error)], ConfigError)
        raise


def _distinct(error: ValidationError) -> list[Any]:
    # A union tells one problem for each of its members; the first is enough.
    seen: dict[tuple, Any] = {}
    for each in error.errors(include_url=False):
        place = tuple(step for step in each["loc"] if not _is_type_name(step))
        seen.setdefault(place, {**each, "loc": place})
    return list(seen.values())


def _is_type_name(step: int | str) -> bool:
    return isinstance(step, str) and (
        "[" in step or step in ("str", "int", "float", "bool", "constrained-float", "none")
    )


def _told(made: type, problem: Mapping[str, Any], subject: str) -> str:
    *path, last = problem["loc"] or ("it",)
    place = ".".join(str(step) for step in (*path, last))
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _fields(made, path)
        near = suggestion(str(last), known)
        tail = near or f" Known: {', '.join(sorted(known))}."
        return f"There is no option {place!r} for {subject}.{tail}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"Option {place!r} of {subject}: {message}. Got {problem['input']!r}."


def _fields(made: type, path: list[Any]) -> list[str]:
    for step in path:
        made = get_type_hints(made).get(str(step), made)
    return list(getattr(made, "__dataclass_fields__", {}))
