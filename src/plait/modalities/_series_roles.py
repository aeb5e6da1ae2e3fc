"""Which column of a series says what."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Roles:
    """Which column, or which field of the cells, says what.

    Args:
        columns: All columns of the input.
        time: The one that says when; None for the field ``time``, or none.
        variable: The one that says what was measured; None for the field ``variable``, or none.
        value: The one that says how much, where another says what.
    """

    columns: tuple[str, ...]
    time: str | None
    variable: str | None
    value: str | None
