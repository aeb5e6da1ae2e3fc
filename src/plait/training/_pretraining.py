"""The choices of pre-training."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from plait._validate import checked
from plait.modalities import Categorical, Datetime, Geo, Numeric, Tags
from plait.schema import Schema

TABLE = (Categorical, Datetime, Geo, Numeric, Tags)
"""Kinds that say little alone: their columns are held against media all together."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Pretraining:
    """What comes before training, for any loss of :mod:`plait.pretraining`.

    Args:
        epochs: How often each row is seen, at most; left out, as often as in training, but at
            most 10 times.
        batch_size: Rows in a step; left out, those of training, but at least 256. A row is held
            against all others of its step.
        learning_rate: The highest rate; left out, that of training.
        sides: The inputs that are held against each other, some of them together where a side has
            several names. Left out, each medium (text, picture, vector) is a side, and all columns
            of numbers, categories, times, places and tags are one together: alone, most of them
            hold few different values, and thus say little about which row is meant.
        size: Size of the vectors that are compared.
        share: Of the time that there is, how much pre-training may take.

    Example:
        >>> Pretraining.parted({"name": "SigLIP", "scale": 5, "epochs": 3})
        (Pretraining(epochs=3, ...), {'name': 'SigLIP', 'scale': 5})
    """

    epochs: PositiveInt | None = None
    batch_size: PositiveInt | None = None
    learning_rate: PositiveFloat | None = None
    sides: tuple[tuple[str, ...], ...] | None = None
    size: PositiveInt = 128
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5

    @classmethod
    def parted(cls, choice: Any) -> "tuple[Pretraining, Any]":
        """These choices, and what is left of a mapping: the name and the options of a loss.

        Raises:
            ConfigError: If a value does not fit.
        """
        if not isinstance(choice, dict):
            return cls(), choice
        names = {each.name for each in fields(cls)}
        mine = {key: value for key, value in choice.items() if key in names}
        rest = {key: value for key, value in choice.items() if key not in names}
        return checked(cls, mine, "the pretraining"), rest

    def parts(self, schema: Schema) -> Sequence[Sequence[str]]:
        """The sides, chosen or found."""
        if self.sides is not None:
            return self.sides
        media = [(name,) for name, part in schema.inputs.items() if not isinstance(part, TABLE)]
        table = tuple(name for name, part in schema.inputs.items() if isinstance(part, TABLE))
        return [*media, table] if table else media
