"""What has to be known of a pretrained text encoder."""

from pydantic.dataclasses import dataclass
from tokenizers import Tokenizer

from plait._errors import ConfigError

from ._base import STRICT
from ._hf_config import check_length, check_vocabulary, plain_config
from ._hf_folder import HfFolder
from ._hf_tune import check_tune
from ._pooled import Pooling


@dataclass(frozen=True, config=STRICT)
class PretrainedFit:
    """All that it takes to build a pretrained text encoder without its folder, but its weights.

    Args:
        tokenizer: Its tokenizer, as the JSON of the ``tokenizers`` library.
        config: The shape of its net, as the JSON of the transformers library.
        pooling: How the vectors of tokens become one.
        digest: The SHA-256 of its weights.
        rows: How many texts it has seen.
        buckets: The buckets of the runs of tokens that occur often enough.
        counts: In how many texts each of these occurs.
        tokens: The tokens that a reader from nothing knows; none, and there is no such reader.
    """

    tokenizer: str
    config: str
    pooling: Pooling
    digest: str
    rows: int = 0
    buckets: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()

    @classmethod
    def of(cls, encoder: str, max_length: int, tune: str) -> "PretrainedFit":
        """What stands in the folder of an encoder.

        Args:
            encoder: Its name, with ``hf:`` before it.
            max_length: How many tokens a text may have, special ones included.
            tune: How it is to be tuned.

        Raises:
            ConfigError: If there is no such folder, it cannot be used or tuned so, it has no place
                for so many tokens, or a package is missing.
        """
        folder = HfFolder.of(encoder)
        config, plain = folder.config, folder.tokenizer
        known = plain_config(config, folder.name)
        check_tune(known, tune, encoder)
        tokenizer = Tokenizer.from_str(plain)
        check_vocabulary(config, tokenizer.get_vocab(), folder.name)
        check_length(config, max_length, folder.name)
        special = sum(map(len, frame(tokenizer)))
        if max_length <= special:
            raise ConfigError(
                f"`max_length` should be more than {special} for the encoder {folder.name!r}, "
                f"which adds so many tokens to each text. Got {max_length}."
            )
        return cls(plain, known, folder.pooling, folder.digest)


def frame(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The special tokens that a tokenizer puts before and after a text.

    Example:
        >>> from tokenizers import models, processors
        >>> tokenizer = Tokenizer(models.WordLevel({"a": 0, "<": 1, ">": 2}, unk_token="a"))
        >>> tokenizer.post_processor = processors.BertProcessing((">", 2), ("<", 1))
        >>> frame(tokenizer)
        ([1], [2])
    """
    encoding = tokenizer.encode("a")
    added = encoding.special_tokens_mask
    if 0 not in added:
        return encoding.ids, []
    first, last = added.index(0), len(added) - added[::-1].index(0)
    return encoding.ids[:first], encoding.ids[last:]
