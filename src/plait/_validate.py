"""Options from outside to a declared value, with every problem explained at once."""

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
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
    options = {str(name): value for name, value in options.items()}
    problems: list[str] = []
    value = None
    try:
        value = TypeAdapter(made).validate_python(options)
    except ValidationError as error:
        problems = [_told(made, each, subject) for each in _distinct(error, options)]
    else:
        problems = [
            f"Option {place!r} of {subject}: Input should be a number. Got {flag!r}."
            for place, flag in _flags(value, options)
        ]
    together(problems, ConfigError)
    assert isinstance(value, made), "pydantic gives what was asked for"
    return value


def _flags(value: Any, options: Mapping[str, Any], above: str = "") -> list[tuple[str, bool]]:
    # To pydantic, true is the number 1: nobody who writes `epochs: true` means one epoch.
    found = []
    for name, option in options.items():
        made = getattr(value, name, None)
        if (
            isinstance(option, bool)
            and isinstance(made, int | float)
            and not isinstance(made, bool)
        ):
            found.append((above + name, option))
        if isinstance(option, Mapping) and is_dataclass(made):
            found += _flags(made, option, f"{above}{name}.")
    return found


def _distinct(error: ValidationError, options: Mapping[str, Any]) -> list[Any]:
    # A union tells one problem for each of its members; the first is enough, but of words and a
    # pattern for others each says half.
    seen: dict[tuple, Any] = {}
    for each in error.errors(include_url=False):
        place = _place(each["loc"], options, missing=each["type"] == "missing")
        first = seen.setdefault(place, {**each, "loc": place})
        if first["type"] == "literal_error" and each["type"] == "string_pattern_mismatch":
            starts = each["ctx"]["pattern"].strip("^.").strip("()").split("|")
            told = " or ".join(f"'{start}...'" for start in starts)
            first["msg"] = f"{first['msg']}, or {told}"
    return list(seen.values())


def _place(
    steps: Sequence[int | str], options: Any, *, missing: bool
) -> tuple[int | str, ...]:  # fmt: skip
    # Among the names there are those of types, one for each member of a union. What leads
    # somewhere in the options is a name that the user wrote.
    place = []
    for step in steps:
        listed = isinstance(step, int) and isinstance(options, list | tuple)
        if (isinstance(options, Mapping) and step in options) or (listed and step < len(options)):
            options = options[step]
            place.append(step)
    return (*place, steps[-1]) if missing else tuple(place)


def _told(made: type, problem: Mapping[str, Any], subject: str) -> str:
    *path, last = problem["loc"] or ("it",)
    place = ".".join(str(step) for step in (*path, last))
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"There is no option {place!r} for {subject}.{_remedy(made, path, str(last))}"
    if problem["type"] == "missing":
        return f"Option {place!r} of {subject} is missing. Give it a value."
    message = problem["msg"].removeprefix("Value error, ")
    found = repr(problem["input"])
    found = found if len(found) <= 200 else found[:200] + "..."
    return f"Option {place!r} of {subject}: {message}. Got {found}."


def _remedy(made: type, path: Sequence[Any], wrong: str) -> str:
    inner = made
    for step in path:
        inner = get_type_hints(inner).get(str(step), inner)
    known = _fields(inner)
    deeper = [
        f"{name}.{wrong}"
        for name, kind in (get_type_hints(inner).items() if is_dataclass(inner) else ())
        if wrong in _fields(kind)
    ]
    if deeper:
        return f" Did you mean {deeper[0]!r}?"
    return suggestion(wrong, known) or f" Known: {', '.join(sorted(known))}."


def _fields(made: Any) -> list[str]:
    return list(getattr(made, "__dataclass_fields__", {}))
