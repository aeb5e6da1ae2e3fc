"""Pretrained text encoders."""

import json

from torch import nn

from ._blocks import Blocks
from ._hf_net import hf_net
from ._hf_tune import adapt, cut_off
from ._pooled import Pooled
from ._pretrained_fit import PretrainedFit
from ._projection import Projection
from ._staged import Staged
from ._text_net import TextNet
from ._without_weights import weights_left_out

PACE, LORA_PACE = 0.025, 1.0
"""Of the usual rate for what starts from nothing: 5e-5 for pretrained weights, 2e-3 for LoRA."""


def pretrained_text(fitted: PretrainedFit, encoder: str, tune: str, width: int) -> nn.Module:
    """A pretrained encoder, from the tokens of a text to one token of the model.

    Args:
        fitted: What :class:`~plait.Text` knows of it.
        encoder: Where its weights are.
        tune: ``"frozen"``, ``"last:k"``, ``"lora"`` or ``"full"``.
        width: Size of a token of the model.

    Returns:
        A :class:`Staged` encoder where a part of it stays as it is.

    Raises:
        ConfigError: If a package is missing, the weights are not those that were fitted, or the
            encoder cannot be tuned so.
    """
    net = hf_net(fitted.config, encoder, None if weights_left_out() else fitted.digest)
    reader = TextNet(net, int(net.config.pad_token_id or 0), LORA_PACE if tune == "lora" else PACE)
    pooled, last = Pooled(fitted.pooling), Projection(int(net.config.hidden_size), width)
    if tune == "full":
        return nn.Sequential(reader, pooled, last)
    if tune == "lora":
        adapt(net, encoder)
        return nn.Sequential(reader, pooled, last)
    if tune == "frozen":
        return Staged(nn.Sequential(reader, pooled), last, _about(fitted, fitted.pooling))
    blocks = Blocks(cut_off(net, tune, encoder), PACE)
    tuned = nn.Sequential(blocks, pooled, last)
    return Staged(reader, tuned, _about(fitted, None))


def _about(fitted: PretrainedFit, pooling: str | None) -> str:
    import transformers

    # The same weights may mean something else to another version.
    told = {"config": fitted.config, "pooling": pooling, "version": transformers.__version__}
    return json.dumps(told)
