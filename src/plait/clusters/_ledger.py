"""Where processes that answer write down what they met."""

from plait.data import Note, merged


class Ledger:
    """Counts of what all processes met in the cells of a table; one actor for all of them.

    Example:
        >>> ledger = Ledger()
        >>> ledger.add([("size", "missing", 2, ())])
        >>> ledger.add([("size", "missing", 1, ())])
        >>> ledger.found()
        [('size', 'missing', 3, ())]
    """

    def __init__(self) -> None:
        self._notes: tuple[Note, ...] = ()

    def add(self, told: list[tuple[str, str, int, tuple[str, ...]]]) -> None:
        """Add what was met in some rows."""
        self._notes = merged([*self._notes, *(Note(*each) for each in told)])

    def found(self) -> list[tuple[str, str, int, tuple[str, ...]]]:
        """All that was met, in plain words."""
        return [(note.column, note.what, note.count, note.examples) for note in self._notes]
