"""Ways to tune a pretrained encoder, and how fast."""

from typing import Annotated

from pydantic import Field

from plait._errors import ConfigError

Tune = Annotated[str, Field(pattern=r"^(frozen|lora|full|last:[1-9]\d{0,3})$")]
Decay = Annotated[float, Field(gt=0, le=1)]

PACE, LORA_PACE = 0.025, 1.0
"""Of the usual rate for what starts from nothing: 5e-5 for pretrained weights, 2e-3 for LoRA."""


def check_options(
    tune: str | None, decay: float | None, encoder: str, column: str, reader: bool | None = None
) -> None:
    """Refuse options of pretrained encoders for one that starts from nothing.

    Raises:
        ConfigError: If one of them is given.
    """
    for name, given in (("tune", tune), ("layer_decay", decay), ("reader", reader)):
        if given is not None:
            raise ConfigError(
                f"`{name}` should be left out for the encoder {encoder!r} of {column!r}: it "
                f"starts from nothing, and all of it is trained. Got {given!r}. Leave it out, "
                "or take a pretrained encoder: 'hf:FOLDER'."
            )


def decay_of(tune: str, decay: float | None, usual: float) -> float:
    """The share of the rate that a block takes of the one above it.

    Args:
        tune: How the encoder is tuned.
        decay: What was asked for; None takes the usual one.
        usual: For encoders of this kind.

    Raises:
        ConfigError: If it is given where no block is trained.
    """
    if tune == "full" or tune.startswith("last:"):
        return usual if decay is None else decay
    if decay is not None:
        raise ConfigError(
            f"`layer_decay` should be left out for `tune={tune!r}`, which trains none of the "
            f"encoder's own blocks. Got {decay!r}. Leave it out, or take 'full' or 'last:k'."
        )
    return 1.0
