"""What a learner knows once it has learned."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from ._account import Account
from ._answer import Answers
from ._errors import NotFittedError
from ._fit import Done
from ._model import Model
from .data import Note, merged
from .schema import Schema
from .training import History


class Trained:
    """What can be asked of a learner that was trained or loaded, but for answers."""

    _done: Done | None
    _account: Account | None

    def _counted(self, parts: Iterable[Answers]) -> Iterator[pa.Table]:
        rows, notes = 0, tuple[Note, ...]()
        for part in parts:
            rows, notes = rows + len(part.table), merged([*notes, *part.notes])
            self._account = Account.of(self.schema, rows, notes)
            yield part.table

    @property
    def _trained(self) -> Done:
        if self._done is None:
            raise NotFittedError("This learner has not seen a table yet: call `fit(table)` first.")
        return self._done

    @property
    def schema(self) -> Schema:
        """The fitted schema."""
        return self._trained.schema

    @property
    def model(self) -> Model:
        """The trained network, a plain module on the processor."""
        return self._trained.model

    @property
    def history(self) -> History:
        """What happened in training, epoch by epoch. A loaded model has none."""
        if self._done is None or self._done.history is None:
            raise NotFittedError("This learner was not trained here: it has no history.")
        return self._done.history

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was done to cells of the training table that could not be taken as they stood."""
        return self._done.notes if self._done else ()

    @property
    def account(self) -> Account:
        """What the cells of the last ``predict``, ``stream`` or ``evaluate`` were like."""
        if self._account is None:
            raise NotFittedError("This learner has answered no table yet: call `predict(table)`.")
        return self._account

    @property
    def rows(self) -> int:
        """How many rows it was trained on here."""
        return self._done.rows if self._done else 0

    @property
    def rows_held_back(self) -> int:
        """How many others the best weights were chosen by."""
        return self._done.held if self._done else 0

    @property
    def config(self) -> Mapping[str, Any]:
        """Every choice of the run, with nothing left open."""
        return self._done.config if self._done else {}
