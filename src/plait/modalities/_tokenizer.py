"""Tokenizers by their JSON."""

import json
from functools import lru_cache

from tokenizers import Tokenizer


@lru_cache(maxsize=32)
def tokenizer_of(plain: str) -> Tokenizer:
    """The tokenizer that a JSON text describes, which must not be changed.

    Reading the text takes milliseconds, more than all else that a single row needs: the last few
    tokenizers are kept.
    """
    return Tokenizer.from_str(plain)


@lru_cache(maxsize=32)
def unknown_of(plain: str) -> int | None:
    """The number that stands for what a tokenizer does not know; None where it knows every byte.

    Example:
        >>> from tokenizers import models
        >>> words = models.WordLevel({"red": 0, "[UNK]": 1}, unk_token="[UNK]")
        >>> unknown_of(Tokenizer(words).to_str()), unknown_of(Tokenizer(models.BPE()).to_str())
        (1, None)
    """
    model = json.loads(plain)["model"]
    if model.get("unk_token") is not None:
        return tokenizer_of(plain).token_to_id(model["unk_token"])
    return model.get("unk_id")  # a Unigram names it by its place
