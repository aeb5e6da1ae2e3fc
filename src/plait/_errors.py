"""The exceptions that someone may want to catch, and how a near miss is answered."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar


class UserError(ValueError):
    """Something that the user gave is wrong; the message says what, and what to do.

    The command line answers it without a traceback, and with :attr:`exit_code`: 2 for what the
    user can say in another way, 3 for a file that is damaged or from elsewhere.

    Example:
        >>> raise DataError("The table has no rows.")
        Traceback (most recent call last):
        ...
        plait._errors.DataError: The table has no rows.
    """

    exit_code: ClassVar[int] = 2


class DataError(UserError):
    """A table, a column or a cell is not what it has to be."""


class SchemaError(UserError):
    """The declared inputs and targets do not fit each other or the table."""


class ConfigError(UserError):
    """An option does not exist, or has a value that it cannot take."""


class DamagedError(DataError):
    """A file of a table is damaged, or is not what its name says."""

    exit_code = 3


class ArtifactError(UserError):
    """A saved model is incomplete, damaged or of another version."""

    exit_code = 3


class PlaceError(ArtifactError):
    """A model cannot be at a place: nothing or something else is there, or there is no room."""

    exit_code = 2


class NotFittedError(RuntimeError):
    """Something was used before it had seen a table."""


class PlaitWarning(UserWarning):
    """Something that a user should know of, though all goes on: the command line shows it."""


class NonFiniteError(ArithmeticError):
    """A loss or a gradient is NaN or infinite; no optimizer step was taken."""


class Stopped(KeyboardInterrupt):
    """A training was asked to end by a signal, and a checkpoint was written.

    Args:
        signal: The number of the signal.
        steps: How many steps were done.
        place: Where the checkpoint is; None if it could not be written.
    """

    def __init__(self, signal: int, steps: int, place: Path | None) -> None:
        self.signal, self.steps, self.place = signal, steps, place
        kept = f"a checkpoint is in {str(place)!r}" if place else "no checkpoint could be written"
        super().__init__(f"Stopped by signal {signal} after {steps:,} steps: {kept}.")


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest known name, or nothing if none is near.

    Example:
        >>> suggestion("Uncertanty", ["Sum", "Uncertainty"])
        " Did you mean 'Uncertainty'?"
        >>> suggestion("x", ["Sum"])
        ''
    """
    names = {item.lower(): item for item in known}
    close = difflib.get_close_matches(str(name).lower(), names, n=1)
    return f" Did you mean {names[close[0]]!r}?" if close else ""


def listing(items: Sequence[object], limit: int = 5) -> str:
    """The first few of many, and how many more there are.

    Example:
        >>> listing(["a", "b", "c"], limit=2)
        "'a', 'b' and 1 more"
    """
    shown = ", ".join(repr(item) for item in items[:limit])
    rest = len(items) - limit
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def together(problems: Sequence[str], kind: type[UserError] = DataError) -> None:
    """Raise all problems at once, if there are any.

    Args:
        problems: One sentence or more for each.
        kind: The type to raise.

    Raises:
        UserError: If there is a problem.

    Example:
        >>> together(["Column 'a' is empty.", "Column 'b' is empty."])
        Traceback (most recent call last):
        ...
        plait._errors.DataError: 2 problems:
          1. Column 'a' is empty.
          2. Column 'b' is empty.
    """
    if len(problems) == 1:
        raise kind(problems[0])
    if problems:
        lines = (f"\n  {n}. {problem}" for n, problem in enumerate(problems, 1))
        raise kind(f"{len(problems)} problems:{''.join(lines)}")
