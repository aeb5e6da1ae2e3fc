"""Token vectors that were trained before."""

import json

import torch
from torch import nn

from plait._errors import ConfigError
from plait.data import Masked

from ._finite import check_finite
from ._pretrained import Pretrained
from ._pretrained_fit import PretrainedFit
from ._pretrained_tune import PACE
from ._static_folder import StaticFolder


class StaticNet(Pretrained):
    """Numbers of tokens to their vectors, whatever stands beside them.

    Args:
        tokens: How many different tokens there are.
        size: Size of a vector.
        unknown: The token of what the tokenizer does not know, which has no say; -1 if there is
            none.
        pace: The share of the learning rate that the vectors take.

    Shapes:
        - in: ``values`` int64 ``[batch, length]``, ``mask`` bool ``[batch, length]``.
        - out: ``values`` float ``[batch, length, size]``, ``mask`` bool ``[batch, length]``.
    """

    def __init__(self, tokens: int, size: int, unknown: int, pace: float = PACE) -> None:
        super().__init__(pace)
        self.rows = nn.Embedding(tokens, size)
        self.unknown = unknown

    def forward(self, cells: Masked) -> Masked:
        """A vector for each token."""
        tokens = cells.values.where(cells.mask, 0)
        known = cells.mask & (tokens != self.unknown)
        # A text of unknown tokens alone is there all the same: it stands for what is unknown.
        mask = known | (cells.mask & ~known.any(1, keepdim=True))
        return Masked(self.rows(tokens), mask)


def static_fit(encoder: str, tune: str) -> PretrainedFit:
    """What stands in the files of a table of token vectors.

    Args:
        encoder: Its name, with ``static:`` before it.
        tune: How it is to be tuned.

    Raises:
        ConfigError: If there are no such files, they do not belong together, or it cannot be
            tuned so.
    """
    if tune not in ("frozen", "full"):
        raise ConfigError(
            f"`tune` should be 'frozen' or 'full' for token vectors, which have no blocks. Got "
            f"{tune!r} for {encoder!r}."
        )
    folder = StaticFolder.of(encoder)
    tokenizer, (rows, size) = folder.tokenizer, folder.shape()
    most = max(tokenizer.get_vocab().values(), default=-1) + 1
    if most > rows:
        raise ConfigError(
            f"The table of the encoder {folder.name!r} should have a vector for each of the "
            f"{most:,} tokens of its tokenizer. It has {rows:,}. They do not belong together: take "
            "another copy of both."
        )
    told = json.loads(tokenizer.to_str())["model"]
    unknown = tokenizer.token_to_id(told.get("unk_token") or "")
    if told.get("type") == "Unigram":
        unknown = told.get("unk_id")
    config = {"rows": rows, "size": size, "unknown": -1 if unknown is None else unknown}
    return PretrainedFit(tokenizer.to_str(), json.dumps(config), "mean", folder.digest)


def static_net(plain: str, encoder: str, digest: str | None) -> StaticNet:
    """The table, with or without its vectors.

    Args:
        plain: Its shape, as JSON.
        encoder: Where its vectors are.
        digest: The SHA-256 that they should have; None leaves them out.

    Raises:
        ConfigError: If the vectors are others or damaged.
    """
    try:
        told = json.loads(plain)
        net = StaticNet(int(told["rows"]), int(told["size"]), int(told["unknown"]))
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ConfigError(
            f"What is known of the encoder {encoder!r} should say its shape. It says: {error}."
        ) from error
    if digest is None:
        return net
    folder = StaticFolder.of(encoder)
    if folder.digest != digest:
        raise ConfigError(
            f"The vectors of the encoder {folder.name!r} should be those that it was fitted with. "
            "They have another SHA-256 now. Bring the old ones back, or fit the schema once more."
        )
    vectors = folder.vectors()
    check_finite({"vectors": vectors}, folder.name)
    with torch.no_grad():
        net.rows.weight.copy_(vectors)
    return net
