"""What came of answering a table on a cluster."""

from dataclasses import dataclass
from pathlib import Path

from plait._account import Account


@dataclass(frozen=True)
class Answered:
    """What came of answering a table on a cluster.

    Args:
        rows: How many rows were answered.
        output: The folder of Parquet files with the answers; their names are in the order of
            the rows.
        account: What was met in the cells. Of a part that was answered twice, since a process had
            ended, cells count twice.
    """

    rows: int
    output: Path
    account: Account
