"""A source whose rows are in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ._source import Source


@dataclass(frozen=True, eq=False, kw_only=True)
class WholeSource(Source):
    """Rows that are in memory already.

    Args:
        arrow: The columns.
    """

    arrow: pa.Table

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return self.arrow.schema

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.arrow.num_rows

    @property
    def nbytes(self) -> int:
        """Bytes that all rows take."""
        return self.arrow.nbytes

    def batches(self, names: Sequence[str], rows: int, first: int = 0) -> Iterator[pa.Table]:
        """All rows from one on at once: nothing has to be read."""
        yield self.arrow.select(list(names)).slice(first)
