"""Pretrained text encoders, and which part of one is tuned."""

import json
from typing import Any

import torch
from torch import nn

from plait._errors import ConfigError, listing

from ._blocks import Blocks
from ._hf_config import plain_config
from ._hf_folder import HfFolder, missing_extra
from ._pooled import Pooled
from ._pretrained_fit import PretrainedFit
from ._projection import Projection
from ._quiet import quiet
from ._staged import Staged
from ._text_net import TextNet
from ._without_weights import weights_left_out

BLOCKS = {
    "bert": "encoder.layer",
    "camembert": "encoder.layer",
    "distilbert": "transformer.layer",
    "electra": "encoder.layer",
    "roberta": "encoder.layer",
    "xlm-roberta": "encoder.layer",
}
"""Where the blocks are, in families whose nets end with them."""

ENCODER_DECODERS = ("t5", "mt5", "umt5")

LOOKS = ("query", "value", "q_lin", "v_lin", "q_proj", "v_proj", "query_proj", "value_proj",
         "in_proj", "q", "v", "Wqkv")  # fmt: skip
"""What the queries and values of attention are called, family by family."""

RANK, SCALE = 8, 16

PACE, LORA_PACE = 0.025, 1.0
"""Of the usual rate for what starts from nothing: 5e-5 for pretrained weights, 1e-3 for LoRA."""


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
    try:
        net = _net(fitted, encoder)
    except ImportError as error:
        raise missing_extra(encoder) from error
    reader = TextNet(net, int(net.config.pad_token_id or 0), LORA_PACE if tune == "lora" else PACE)
    pooled, last = Pooled(fitted.pooling), Projection(int(net.config.hidden_size), width)
    if tune == "full":
        return nn.Sequential(reader, pooled, last)
    if tune == "lora":
        _adapt(net, encoder)
        return nn.Sequential(reader, pooled, last)
    if tune == "frozen":
        return Staged(nn.Sequential(reader, pooled), last, _about(fitted, fitted.pooling))
    blocks = Blocks(_cut_off(net, int(tune.partition(":")[2]), encoder), PACE)
    tuned = nn.Sequential(blocks, pooled, last)
    return Staged(reader, tuned, _about(fitted, None))


def _about(fitted: PretrainedFit, pooling: str | None) -> str:
    import transformers

    # The same weights may mean something else to another version.
    told = {"config": fitted.config, "pooling": pooling, "version": transformers.__version__}
    return json.dumps(told)


def _net(fitted: PretrainedFit, encoder: str) -> Any:
    from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding

    plain = json.loads(plain_config(json.loads(fitted.config), encoder))
    family = plain.pop("model_type")
    made = AutoModelForTextEncoding if family in ENCODER_DECODERS else AutoModel
    try:
        with quiet():
            config = AutoConfig.for_model(family, **plain)
            if weights_left_out():
                net = made.from_config(config, dtype=torch.float32, trust_remote_code=False)
            else:
                net = _read(made, config, fitted, HfFolder.of(encoder))
    except ConfigError:
        raise
    except (ValueError, TypeError, LookupError, RuntimeError, OSError) as error:
        raise ConfigError(
            f"The encoder {encoder!r} should be a text encoder that the transformers library can "
            f"build. It says: {error}"
        ) from error
    if getattr(net, "pooler", None) is not None:
        net.pooler = None  # trained for another task, and not asked here
    return net.train()


def _read(made: Any, config: Any, fitted: PretrainedFit, folder: HfFolder) -> Any:
    if folder.digest != fitted.digest:
        raise ConfigError(
            f"The weights of the encoder {folder.name!r} should be those that it was fitted with. "
            "They have another SHA-256 now. Bring the old ones back, or fit the schema once more."
        )
    net, found = made.from_pretrained(
        folder.path,
        config=config,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    lacking = [name for name in sorted(found["missing_keys"]) if "pooler." not in name]
    if lacking:
        raise ConfigError(
            f"The weights of the encoder {folder.name!r} should be complete. {len(lacking)} are "
            f"not in its folder: {listing(lacking, 3)}. Take another copy of it."
        )
    return net


def _cut_off(net: Any, count: int, encoder: str) -> list[nn.Module]:
    family = net.config.model_type
    if family not in BLOCKS:
        raise ConfigError(
            f"`tune='last:{count}'` should be asked of an encoder of one of these families: "
            f"{', '.join(BLOCKS)}. {encoder!r} is of {family!r}. Take 'frozen', 'lora' or 'full'."
        )
    room, _, name = BLOCKS[family].rpartition(".")
    blocks = list(net.get_submodule(BLOCKS[family]))
    if count > len(blocks):
        raise ConfigError(
            f"`tune='last:k'` should be at most 'last:{len(blocks)}' for the encoder {encoder!r}, "
            f"which has so many blocks. Got 'last:{count}'."
        )
    keep = len(blocks) - count
    net.get_submodule(room).register_module(name, nn.ModuleList(blocks[:keep]))
    return blocks[keep:]


def _adapt(net: Any, encoder: str) -> None:
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise missing_extra(encoder, "lora") from error
    names = {
        name.rpartition(".")[2] for name, part in net.named_modules() if isinstance(part, nn.Linear)
    }
    asked = sorted(names & {*LOOKS})
    if not asked:
        raise ConfigError(
            f"`tune='lora'` should be asked of an encoder whose queries and values are linear. "
            f"Found no such module in {encoder!r}. Take 'frozen' or 'full'."
        )
    inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=SCALE, target_modules=asked), net)
