"""Tokenizers by their JSON."""

from functools import lru_cache

from tokenizers import Tokenizer


@lru_cache(maxsize=32)
def tokenizer_of(plain: str) -> Tokenizer:
    """The tokenizer that a JSON text describes, which must not be changed.

    Reading the text takes milliseconds, more than all else that a single row needs: the last few
    tokenizers are kept.
    """
    return Tokenizer.from_str(plain)
