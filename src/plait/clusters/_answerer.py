"""A process that answers rows on a cluster."""

import warnings
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from plait._answer import answers
from plait._errors import UserError
from plait._load import load
from plait.data import Source


class Answerer:
    """Loads a model once, and answers some rows after others.

    Args:
        run: The folder of the model.
        keep: Columns of the input to put before the answers.
        root: The folder that paths of pictures start from.
        ledger: The actor that counts what is met.

    Example:
        >>> import tempfile, plait
        >>> rows = {"size": [n / 2 for n in range(40)], "price": [3.0 * n for n in range(40)]}
        >>> learner = plait.Learner(["price"], training=plait.Training(epochs=1)).fit(rows)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     answerer = Answerer(str(learner.save(f"{folder}/run")), ["size"], None, None)
        >>> answerer(pa.table({"size": [5.0, None]})).column_names
        ['size', 'price']
    """

    def __init__(self, run: str, keep: Sequence[str], root: str | None, ledger: Any) -> None:
        self.learner, self.keep, self.root, self.ledger = load(run), list(keep), root, ledger

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Answers for some rows, in order."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the account tells all of it once
            source = Source.of(rows, self.root)
            try:
                parts = list(answers(self.learner.schema, self.learner.model, source, self.keep))
            except UserError as error:
                raise RuntimeError(str(error)) from None  # what travels through Ray is words
        if self.ledger is not None:
            notes = [note for part in parts for note in part.notes]
            told = [(note.column, note.what, note.count, note.examples) for note in notes]
            self.ledger.add.remote(told)
        return pa.concat_tables([part.table for part in parts])
