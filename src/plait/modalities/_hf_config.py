"""The shape of a pretrained net, as plain JSON."""

import json
from collections.abc import Mapping
from typing import Any

from plait._errors import ConfigError, listing

FAMILIES = (
    "albert", "bert", "camembert", "data2vec-text", "deberta", "deberta-v2",
    "distilbert", "electra", "ernie", "eurobert", "megatron-bert", "modernbert",
    "mpnet", "mt5", "nomic_bert", "rembert", "roberta", "roberta-prelayernorm", "roformer",
    "t5", "umt5", "xlm-roberta", "xlm-roberta-xl",
)  # fmt: skip
"""Text encoders that take tokens and a mask, and give a vector for each token that does not depend
on how much padding follows."""

SHIFTED = ("camembert", "data2vec-text", "mpnet", "roberta", "roberta-prelayernorm",
           "xlm-roberta", "xlm-roberta-xl")  # fmt: skip
"""Those that count the places of tokens from behind the number of the padding token."""

# What says where code or weights come from, what an answer looks like or how a net is trained.
# None of it belongs to the shape of the net, and some of it could make the library fetch code.
LEFT_OUT = (
    "add_cross_attention", "architectures", "attn_implementation", "auto_map", "custom_pipelines",
    "distributed_config", "dtype", "experts_implementation", "finetuning_task", "fusion_config",
    "gradient_checkpointing", "id2label", "is_decoder", "label2id", "name_or_path",
    "output_attentions", "output_hidden_states", "per_layer_config", "problem_type",
    "quantization_config", "return_dict", "task_specific_params", "torch_dtype", "torchscript",
    "transformers_version", "transformers_weights", "use_cache", "use_return_dict",
)  # fmt: skip


def plain_config(config: Mapping[str, Any], name: str) -> str:
    """What a ``config.json`` says of the shape of a net.

    Args:
        config: What stands in it.
        name: What the user called the encoder, for messages.

    Raises:
        ConfigError: If it is that of no text encoder.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ConfigError(
            f"The encoder {name!r} should be a text encoder of one of these families: "
            f"{', '.join(FAMILIES)}. Found {family!r}. Take another one."
        )
    return shape_only(config)


def shape_only(config: Mapping[str, Any]) -> str:
    """A config without all that does not belong to the shape of a net, as JSON."""
    return json.dumps(
        {
            key: value
            for key, value in sorted(config.items())
            if not (key.startswith("_") or key in LEFT_OUT)
        }
    )


def padding_of(config: Mapping[str, Any]) -> int:
    """The number of the padding token."""
    return int(config.get("pad_token_id") or 0)


def check_length(config: Mapping[str, Any], max_length: int, name: str) -> None:
    """Refuse texts that are longer than the net has places for.

    Raises:
        ConfigError: If it has too few.
    """
    most = config.get("max_position_embeddings")
    if not isinstance(most, int):
        return
    if config.get("model_type") in SHIFTED:
        most -= padding_of(config) + 1
    if max_length > most:
        raise ConfigError(
            f"`max_length` should be at most {most} for the encoder {name!r}, which has no places "
            f"for more tokens. Got {max_length}."
        )


def check_vocabulary(config: Mapping[str, Any], ids: Mapping[str, int], name: str) -> None:
    """Refuse a tokenizer that gives numbers of which the net has no vector.

    Raises:
        ConfigError: If there is such a token.
    """
    size = config.get("vocab_size")
    beyond = [token for token, place in ids.items() if isinstance(size, int) and place >= size]
    if beyond:
        raise ConfigError(
            f"The tokenizer of the encoder {name!r} should give numbers below {size}, for so many "
            f"vectors has its net. It knows others: {listing(beyond, 3)}. Model and tokenizer were "
            "not saved together: take another copy of the folder."
        )
