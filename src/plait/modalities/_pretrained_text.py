"""Pretrained text encoders."""

import json

from torch import nn

from ._blocks import Blocks
from ._hf_net import hf_net
from ._hf_tune import adapt, cut_off
from ._pooled import Pooled
from ._pretrained_fit import PretrainedFit
from ._pretrained_tune import LORA_PACE, PACE, decay_of
from ._projection import Projection
from ._staged import Staged
from ._staged_text import StagedText
from ._static_folder import STATIC
from ._static_net import static_net
from ._text_net import TextNet
from ._text_reader import MANY, TextReader
from ._without_weights import weights_left_out

DECAY = 0.95
"""The usual share of the rate that a block takes of the one above it, in nets for text."""


def pretrained_text(
    fitted: PretrainedFit, encoder: str, tune: str, decay: float | None, width: int, length: int
) -> nn.Module:
    """A pretrained encoder, from the tokens of a text to tokens of the model.

    Args:
        fitted: What :class:`~plait.Text` knows of it.
        encoder: Where its weights are.
        tune: ``"frozen"``, ``"last:k"``, ``"lora"`` or ``"full"``.
        decay: The share of the rate that a block takes of the one above it; None for the usual.
        width: Size of a token of the model.
        length: How many tokens a text has at most.

    Returns:
        A :class:`Staged` encoder where a part of it stays as it is.

    Raises:
        ConfigError: If a package is missing, the weights are not those that were fitted, or the
            encoder cannot be tuned so.
    """
    digest = None if weights_left_out() else fitted.digest
    share = decay_of(tune, decay, DECAY)
    if encoder.startswith(STATIC):
        return _static(fitted, encoder, tune, digest, width, length)
    net = hf_net(fitted.config, encoder, digest)
    pace = LORA_PACE if tune == "lora" else PACE
    reader = TextNet(net, int(net.config.pad_token_id or 0), pace, share)
    pooled, last = Pooled(fitted.pooling), Projection(int(net.config.hidden_size), width)
    if tune == "full":
        return nn.Sequential(reader, pooled, last)
    if tune == "lora":
        adapt(net, encoder)
        return nn.Sequential(reader, pooled, last)
    if tune == "frozen":
        about = _about(fitted, fitted.pooling)
        return _frozen(nn.Sequential(reader, pooled), last, about, fitted, width, length)
    blocks = Blocks(cut_off(net, tune, encoder), PACE, share)
    tuned = nn.Sequential(blocks, pooled, last)
    return Staged(reader, tuned, _about(fitted, None))


def _static(
    fitted: PretrainedFit, encoder: str, tune: str, digest: str | None, width: int, length: int
) -> nn.Module:
    reader = static_net(fitted.config, encoder, digest)
    pooled, last = Pooled("mean"), Projection(reader.rows.embedding_dim, width)
    if tune == "full":
        return nn.Sequential(reader, pooled, last)
    about = json.dumps({"config": fitted.config})
    return _frozen(nn.Sequential(reader, pooled), last, about, fitted, width, length)


def _frozen(
    still: nn.Module, last: nn.Module, about: str, fitted: PretrainedFit, width: int, length: int
) -> Staged:
    if not fitted.tokens:
        return Staged(still, last, about)
    ordered = fitted.rows >= MANY
    reader = TextReader(fitted.tokens, width, length, ordered=ordered)
    return StagedText(still, last, about, reader)


def _about(fitted: PretrainedFit, pooling: str | None) -> str:
    import transformers

    # The same weights may mean something else to another version.
    told = {"config": fitted.config, "pooling": pooling, "version": transformers.__version__}
    return json.dumps(told)
