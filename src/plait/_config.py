"""A run's choices as one tree of names, the same in Python, in a file and on the command line."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Annotated, Any

import yaml
from pydantic import ConfigDict, Field, PositiveInt
from pydantic.dataclasses import dataclass

from ._errors import ConfigError
from ._validate import checked
from .training import Training

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
Choice = str | dict[str, Any]


@dataclass(frozen=True, config=STRICT)
class ModelOptions:
    """The size of the network.

    Args:
        width: Size of a token; None chooses by the number of rows.
    """

    width: PositiveInt | None = None


@dataclass(frozen=True, config=STRICT)
class DataOptions:
    """What is held back.

    Args:
        valid: The share of rows that is held back to choose the best weights by.
    """

    valid: Annotated[float, Field(ge=0, lt=0.9)] = 0.1


@dataclass(frozen=True, config=STRICT)
class Config:
    """Every choice of a run.

    Args:
        targets: For each target None (guess), the name of a task type, or its options.
        inputs: For each column None (guess), the name of a modality, ``"ignore"``, or its options.
        fusion: A name in :mod:`plait.fusion`, or ``{"name": ..., option: ...}``.
        sharing: A name in :mod:`plait.sharing`, likewise.
        balancing: A name in :mod:`plait.balancing`, likewise.
        model: The size of the network.
        training: The loop.
        data: What is held back.
        seed: Of everything random.
        budget: How long training may take: seconds, or text like ``"20m"``.

    Example:
        >>> config = Config.read("{targets: {price: }, training: {learning_rate: 1e-3}}")
        >>> config = config.changed(["training.epochs=5", "inputs.'a.b'.type=text"])
        >>> config.training.epochs, config.training.learning_rate, config.inputs
        (5, 0.001, {'a.b': {'type': 'text'}})
    """

    targets: dict[str, Choice | None] = field(default_factory=dict)
    inputs: dict[str, Choice | None] = field(default_factory=dict)
    fusion: Choice = "Attention"
    sharing: Choice = "Bottom"
    balancing: Choice = "Sum"
    model: ModelOptions = field(default_factory=ModelOptions)
    training: Training = field(default_factory=Training)
    data: DataOptions = field(default_factory=DataOptions)
    seed: Annotated[int, Field(ge=0)] = 0
    budget: str | float | None = None

    @classmethod
    def read(cls, text: str) -> "Config":
        """A configuration written in YAML.

        Raises:
            ConfigError: If it is no YAML, or a key or a value does not fit.
        """
        return cls.of(_tree(text))

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> "Config":
        """A configuration from plain mappings.

        Raises:
            ConfigError: If a key or a value does not fit; all of them at once.
        """
        tree = dict(tree)
        if isinstance(tree.get("targets"), list):
            tree["targets"] = dict.fromkeys(tree["targets"])
        return checked(cls, tree, "the configuration")

    def changed(self, settings: Iterable[str]) -> "Config":
        """A copy with some values set, each written ``path.to.key=value``.

        A name that holds a dot is quoted. The value is read as YAML.

        Raises:
            ConfigError: If a setting is not of that form, or does not fit.
        """
        from pydantic import TypeAdapter

        tree: dict[str, Any] = TypeAdapter(Config).dump_python(self)
        for setting in settings:
            path, equals, value = setting.partition("=")
            if not equals or not path:
                raise ConfigError(
                    f"A setting should be written path.to.key=value. Got {setting!r}."
                )
            _put(tree, _steps(path), yaml.safe_load(value), setting)
        return Config.of(tree)

    @property
    def seconds(self) -> float | None:
        """The budget in seconds.

        Raises:
            ConfigError: If it is not a time.
        """
        if self.budget is None:
            return None
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min|h)?\s*", str(self.budget))
        if not found or not float(found[1]):
            raise ConfigError(
                f"`budget` should be a time such as 90s, 20m or 1.5h. Got {self.budget!r}."
            )
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[(found[2] or "s")[0]]


def _tree(text: str) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"The configuration is not YAML: {error}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"The configuration should be a mapping of names. Found {tree!r}.")
    return tree


def _steps(path: str) -> list[str]:
    return [step.strip("'\"") for step in re.findall(r"'[^']*'|\"[^\"]*\"|[^.'\"]+", path) if step]


def _put(tree: dict[str, Any], path: list[str], value: Any, setting: str) -> None:
    *outer, last = path
    for step in outer:
        inner: Any = tree.get(step)
        if inner is None:
            inner = {}
        elif isinstance(inner, str):
            # inputs.photo=image, then inputs.photo.size=64
            inner = {"type" if path[0] in ("inputs", "targets") else "name": inner}
        if not isinstance(inner, dict):
            raise ConfigError(f"There is nothing to set below {step!r} in {setting!r}.")
        tree[step] = inner
        tree = inner
    tree[last] = value
