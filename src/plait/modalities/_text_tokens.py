"""Tokenizers that are trained on the user's own words."""

from collections.abc import Iterator

import pyarrow as pa
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

CHUNK = 10_000
UNKNOWN, UNKNOWN_ID = "[UNK]", 1


def chunks(cells: pa.Array) -> Iterator[list[str]]:
    """The texts, some thousands at a time; a missing one is empty."""
    filled = cells.fill_null("")
    for start in range(0, len(filled), CHUNK):
        yield filled.slice(start, CHUNK).to_pylist()


def trained(cells: pa.Array, vocabulary: int) -> Tokenizer:
    """A tokenizer of so many tokens at most, trained on the texts."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        limit_alphabet=max(vocabulary - 2, 0),
        special_tokens=["[PAD]", UNKNOWN],
        show_progress=False,
    )
    tokenizer.train_from_iterator(chunks(cells), trainer)
    return tokenizer
