"""What the texts of a column looked like in training."""

from pydantic.dataclasses import dataclass

from ._base import STRICT


@dataclass(frozen=True, config=STRICT)
class TextFit:
    """What the texts of a column looked like in training.

    Args:
        tokenizer: The trained tokenizer, as the JSON of the ``tokenizers`` library.
        tokens: How many different tokens it knows.
        rows: How many texts it has seen.
        length: How many tokens a text has on average.
        buckets: The buckets of the runs of tokens that occur often enough.
        counts: In how many texts each of these occurs.
    """

    tokenizer: str
    tokens: int
    rows: int = 0
    length: float = 0.0
    buckets: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
