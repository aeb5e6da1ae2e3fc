"""Files of a column that cannot be read: which, and why."""

from collections.abc import Mapping, Sequence

from plait.data import Note, Table

FEW = 5
TOLERATED = 100
"""One in so many files may be unreadable."""


class TooLargeError(ValueError):
    """A file is beyond a bound. The message says what was found, and the bound."""


def reason(error: Exception) -> str:
    """What is told of a file that cannot be read: nothing, unless it is too large.

    Example:
        >>> reason(TooLargeError("9 bytes, at most 8 are read")), reason(ValueError("no marker"))
        ('9 bytes, at most 8 are read', '')
    """
    return str(error) if isinstance(error, TooLargeError) else ""


def unread(column: str, what: str, wrong: Mapping[int, str], table: Table) -> list[Note]:
    """The note of files that cannot be read; none if all can.

    Args:
        column: The column.
        what: What they are: ``"pictures that cannot be read"``.
        wrong: The rows of the table, and the :func:`reason` of each. Those with one come first.
        table: Which knows the numbers of the user's rows.
    """
    if not wrong:
        return []
    some = sorted(wrong, key=lambda row: (not wrong[row], row))[:FEW]
    few = tuple(
        f"row {number}" + (f": {wrong[row]}" if wrong[row] else "")
        for row, number in zip(some, table.numbers(some), strict=True)
    )
    return [Note(column, what, len(wrong), few)]


def refusal(
    column: str, kind: str, notes: Sequence[Note], what: str, rows: int, causes: str
) -> str | None:
    """What is said if more than 1 % of the files of a column cannot be read.

    Args:
        column: The column.
        kind: What they are: ``"pictures"``.
        notes: An account of cells, of this column and others.
        what: What the note of :func:`unread` calls them.
        rows: How many rows there are.
        causes: What may be wrong, with the bounds.
    """
    mine = [note for note in notes if note.column == column]
    wrong = [note for note in mine if note.what == what]
    lost = sum(note.count for note in wrong)
    there = rows - sum(note.count for note in mine if note.what == "missing")
    if lost * TOLERATED <= there:
        return None
    few = [example.removeprefix("row ") for example in wrong[0].examples]
    told = ("; " if any(":" in each for each in few) else ", ").join(few)
    more = ", ..." * (lost > len(few))
    return (
        f"At most 1 % of the {kind} of {column!r} may be unreadable. {lost:,} of {there:,} are "
        f"(rows counted from 0: {told}{more}): {causes}. Mend or empty these cells; make smaller "
        "what is too large."
    )
