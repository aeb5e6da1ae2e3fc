"""Which part of a pretrained net is tuned."""

from typing import Any

import torch
from torch import nn

from plait._errors import ConfigError

from ._hf_folder import missing_extra
from ._hf_net import hf_net, hf_picture_net

BLOCKS = {
    "bert": "encoder.layer",
    "camembert": "encoder.layer",
    "clip_vision_model": "encoder.layers",
    "deit": "layers",
    "dinov2": "encoder.layer",
    "dinov2_with_registers": "encoder.layer",
    "distilbert": "transformer.layer",
    "electra": "encoder.layer",
    "roberta": "encoder.layer",
    "vit": "layers",
    "vit_msn": "layers",
    "xlm-roberta": "encoder.layer",
}
"""Where the blocks are, in families whose nets end with them, or with one norm behind them."""

NORMS = {
    "clip_vision_model": "post_layernorm",
    "deit": "layernorm",
    "dinov2": "layernorm",
    "dinov2_with_registers": "layernorm",
    "vit": "layernorm",
    "vit_msn": "layernorm",
}
"""Where that norm is. What all of these give of a picture is then its first token."""

LOOKS = ("query", "value", "q_lin", "v_lin", "q_proj", "v_proj", "query_proj", "value_proj",
         "in_proj", "q", "v", "Wqkv", "qkv")  # fmt: skip
"""What the queries and values of attention are called, family by family."""

RANK, SCALE = 8, 16


def check_tune(plain: str, tune: str, encoder: str, *, picture: bool = False) -> None:
    """Refuse what could not be built later, before any cell is read.

    Args:
        plain: The shape of the net, as JSON.
        tune: ``"frozen"``, ``"last:k"``, ``"lora"`` or ``"full"``.
        encoder: What the user called it, for messages.
        picture: Whether it is one of pictures, and not of texts.

    Raises:
        ConfigError: If a package is missing, there is no such net, or it cannot be tuned so.
    """
    with torch.device("meta"):  # a shape without numbers: no memory, and no random state
        net = hf_picture_net(plain, encoder, None) if picture else hf_net(plain, encoder, None)
    if tune == "lora":
        check_adapters(net, encoder)
    elif tune.startswith("last:"):
        cut_off(net, tune, encoder)


def take_norm(net: Any) -> nn.Module | None:
    """Take the norm behind the last blocks out of a net, if it has one."""
    if net.config.model_type not in NORMS:
        return None
    name = NORMS[net.config.model_type]
    norm = net.get_submodule(name)
    net.register_module(name, nn.Identity())
    return norm


def cut_off(net: Any, tune: str, encoder: str) -> list[nn.Module]:
    """Take the last blocks out of a net.

    Args:
        net: The net, which loses them.
        tune: How many, as ``"last:k"``.
        encoder: What the user called it, for messages.

    Raises:
        ConfigError: If there are not so many, or nobody knows where they are.
    """
    family, count = net.config.model_type, int(tune.partition(":")[2])
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


def adapt(net: Any, encoder: str) -> None:
    """Put small trained matrices beside the queries and values of a net, and freeze the rest.

    Raises:
        ConfigError: If a package is missing, or there are no such queries and values.
    """
    adapters = check_adapters(net, encoder)
    from peft import inject_adapter_in_model

    inject_adapter_in_model(adapters, net)


def check_adapters(net: Any, encoder: str) -> Any:
    """What the peft library has to know to adapt a net.

    Raises:
        ConfigError: If it is not installed, or there are no queries and values.
    """
    try:
        from peft import LoraConfig
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
    return LoraConfig(r=RANK, lora_alpha=SCALE, target_modules=asked)
