"""What a pack depends on beside the rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plait.data import Table
from plait.schema import Schema


@dataclass(frozen=True)
class Choices:
    """What was said of a table before it was looked at.

    Args:
        targets: What was said of the targets.
        inputs: What was said of the inputs.
        declare: From a table to a schema that is not fitted yet.
        share: Of the rows, to choose the best weights by.
        seed: Chooses them.
        memory: Tables and packs of more bytes are not held in memory.
        sample: To how many rows a schema is fitted where the table is not held in memory.
    """

    targets: Mapping[str, Any]
    inputs: Mapping[str, Any]
    declare: Callable[[Table], Schema]
    share: float
    seed: int
    memory: int
    sample: int = 500_000
