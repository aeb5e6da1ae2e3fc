"""A source whose rows are in a dataset of Hugging Face."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ._source import Source


@dataclass(frozen=True, eq=False, kw_only=True)
class HuggingFaceSource(Source):
    """Rows of a ``datasets.Dataset``, which lie on disk and are read when they are asked for.

    Args:
        dataset: The dataset, shuffled or filtered as it may be.
    """

    dataset: Any

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return self.dataset.features.arrow_schema.remove_metadata()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.dataset)

    @property
    def nbytes(self) -> int:
        """Bytes that all rows would take in memory, about."""
        below = self.dataset.data
        return below.nbytes * self.rows // max(below.num_rows, 1)

    def batches(self, names: Sequence[str], rows: int, first: int = 0) -> Iterator[pa.Table]:
        """The rows from one on in order, so many at a time."""
        wanted = self.dataset.select_columns(list(names)).with_format("arrow")
        if first:
            wanted = wanted.select(range(first, self.rows))
        for table in wanted.iter(batch_size=rows):
            yield table.select(list(names)).replace_schema_metadata()
