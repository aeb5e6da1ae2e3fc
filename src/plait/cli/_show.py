"""What is printed: tables for people, JSON for machines."""

import json
import math
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from plait._words import clean

Row = Sequence[str]


def say(line: str = "") -> None:
    """A line for people, on stdout."""
    print(clean(line))


def tell(line: str) -> None:
    """A line beside the answer, on stderr."""
    print(clean(line), file=sys.stderr)


def heading(text: str) -> None:
    """The title of a part, after an empty line."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(f"\n{clean(text)}", style="bold", markup=False, highlight=False)
    else:
        say(f"\n{text}")


def emit(value: Any) -> None:
    """One JSON document on stdout; what JSON has no number for becomes null."""
    ascii_only = "utf" not in (sys.stdout.encoding or "utf-8").lower()
    print(json.dumps(plain(value), ensure_ascii=ascii_only, allow_nan=False, indent=1))


def plain(value: Any) -> Any:
    """Mappings, lists, text, numbers, with None for NaN and infinity.

    Example:
        >>> plain({"a": (1.5, float("nan"))})
        {'a': [1.5, None]}
    """
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def table(headers: Row, rows: Sequence[Row], right: Sequence[str] = ()) -> None:
    """Columns under headers: drawn on a terminal, plain and aligned elsewhere.

    Args:
        headers: The names of the columns.
        rows: The cells.
        right: The headers of columns of numbers.
    """
    rows = [[clean(cell).replace("\n", " ") for cell in row] for row in rows]
    if sys.stdout.isatty():
        _drawn(headers, rows, right)
        return
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    for row in (headers, *rows):
        cells = [
            cell.rjust(width) if header in right else cell.ljust(width)
            for header, cell, width in zip(headers, row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _drawn(headers: Row, rows: Sequence[Row], right: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, header_style="dim", show_edge=False, pad_edge=False)
    for at, header in enumerate(headers):
        drawn.add_column(
            header,
            justify="right" if header in right else "left",
            style="bold cyan" if at == 0 else None,
            no_wrap=header in right,
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


def notes(found: Sequence[Any], title: str) -> None:
    """The account of cells that could not be taken as they stood, if there are any."""
    if found:
        heading(title)
        for note in found:
            say(f"  {note}")


@contextmanager
def waiting(text: str, shown: bool = True) -> Generator[Callable[[str], Any], None, None]:
    """A sign of life on stderr while something takes its time; elsewhere than on a terminal, none.

    Args:
        text: What is done.
        shown: Whether this is the process that speaks.

    Yields:
        A function that changes the text.
    """
    if not (shown and sys.stderr.isatty()):
        yield lambda text: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(text)) as status:
        yield lambda text: status.update(Text(text))
