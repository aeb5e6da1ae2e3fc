"""A run's choices as one tree of names, the same in Python, in a file and on the command line."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, TypeAdapter
from pydantic.dataclasses import dataclass

from ._errors import ConfigError
from ._validate import checked
from ._yaml import parse
from .data import memory_limit
from .training import Training

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
Choice = str | dict[str, Any]


@dataclass(frozen=True, config=STRICT)
class ModelOptions:
    """The size of the network.

    Args:
        width: Size of a token; None chooses by the number of rows.
        view: The inputs that are looked at, by name; None for all.
        kept: The one input that a model which was allowed to fall back looks at. It is found by
            training, and not a choice.
    """

    width: PositiveInt | None = None
    view: tuple[str, ...] | None = None
    kept: str | None = None

    def __post_init__(self) -> None:
        if self.view is not None and (not self.view or len(set(self.view)) < len(self.view)):
            raise ValueError(f"`view` should name some inputs, each once. Got {list(self.view)}")


LEAST = 1_000


@dataclass(frozen=True, config=STRICT)
class DataOptions:
    """What is held back, and what is kept where.

    Args:
        valid: The share of rows that is held back to choose the best weights by.
        cache: A folder for packed tables and the outputs of frozen encoders, which are found
            again by what they were made of. True keeps what took more than two seconds in
            the user's own cache folder, up to 10 GiB; False keeps nothing.
        memory: Tables and packs beyond this stay on the disk: up to 1 a share of the memory that
            the process may use, above that bytes.
    """

    valid: Annotated[float, Field(ge=0, lt=0.9)] = 0.1
    cache: bool | str = True
    memory: PositiveFloat = 0.25

    def __post_init__(self) -> None:
        words = ("", "yes", "no", "on", "off", "none", "null", "auto", "true", "false")
        if isinstance(self.cache, str) and self.cache.strip().lower() in words:
            raise ValueError(
                f"`cache` should be true, false or the path of a folder. Got {self.cache!r}"
            )
        if 1 < self.memory < LEAST:
            raise ValueError(
                "`memory` should be a share up to 1, or at least 1,000 bytes. Got "
                f"{self.memory:g}: write 8e9 for 8 GB"
            )

    @property
    def bytes(self) -> int:
        """What tables and packs may take of the memory."""
        return max(1, int(self.memory if self.memory > 1 else self.memory * memory_limit()))


@dataclass(frozen=True, config=STRICT)
class Config:
    """Every choice of a run.

    Args:
        targets: For each target None (guess), the name of a task type, or its options.
        inputs: For each column None (guess), the name of a modality, ``"ignore"``, or its options.
        fusion: A name in :mod:`plait.fusion`, or ``{"name": ..., option: ...}``.
        sharing: A name in :mod:`plait.sharing`, likewise.
        balancing: A name in :mod:`plait.balancing`, likewise.
        modality_balancing: A name in :mod:`plait.modality_balancing`, likewise, or None.
        pretraining: A name in :mod:`plait.pretraining`, likewise, with the options of
            :class:`~plait.training.Pretraining` beside its own; None for none.
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
    modality_balancing: Choice | None = None
    pretraining: Choice | None = None
    model: ModelOptions = field(default_factory=ModelOptions)
    training: Training = field(default_factory=Training)
    data: DataOptions = field(default_factory=DataOptions)
    seed: Annotated[int, Field(ge=0)] = 0
    budget: str | float | None = None

    @classmethod
    def read(cls, text: str) -> "Config":
        """A configuration written in YAML, of at most 1 MiB and 32 levels.

        Words and numbers are read as in YAML 1.2: ``no`` is a word, ``1e-3`` is a number, and
        ``012`` and ``1:30`` stay as they are written. A name is always text, whatever it looks
        like. What may say one thing and do another is refused: aliases, tags, a name given twice.

        Raises:
            ConfigError: If it is no such text, or a key or a value does not fit.
        """
        tree = parse(text, "The configuration")
        if tree is None:
            return cls()
        if not isinstance(tree, dict):
            found = repr(tree)
            raise ConfigError(
                f"The configuration should be a mapping of names. Found {found[:200]}."
            )
        return cls.of(tree)

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> "Config":
        """A configuration from plain mappings.

        Raises:
            ConfigError: If a key or a value does not fit; all of them at once.
        """
        tree = {name: _filled(name, value) for name, value in tree.items()}
        config = checked(cls, tree, "the configuration")
        _ = config.seconds  # a budget that is no time is told now, not after the data was read
        return config

    def changed(self, settings: Iterable[str]) -> "Config":
        """A copy with some values set, each written ``path.to.key=value``.

        A name that holds a dot or an equals sign is quoted. The value is read as YAML.

        Raises:
            ConfigError: If a setting is not of that form, or does not fit.
        """
        tree: dict[str, Any] = TypeAdapter(Config).dump_python(self)
        for setting in settings:
            path, value = _taken_apart(setting)
            _put(tree, path, parse(value, f"The value of {setting!r}"), setting)
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


def _filled(name: str, value: Any) -> Any:
    # targets: price, targets: [price, sold], and `training:` with nothing behind it
    if name == "targets" and isinstance(value, str):
        return {value: None}
    if name == "targets" and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return dict.fromkeys(value)
    if value is None and name in ("targets", "inputs", "model", "training", "data"):
        return {}
    return value


STEP = re.compile(r"""(?:'([^']+)'|"([^"]+)"|([^'".=][^.=]*))([.=])""")


def _taken_apart(setting: str) -> tuple[list[str], str]:
    path, at = [], 0
    while found := STEP.match(setting, at):
        path.append((found[1] or found[2] or found[3]).strip())
        at = found.end()
        if found[4] == "=":
            return path, setting[at:]
    raise ConfigError(
        f"A setting should be written path.to.key=value, with quotes around a name that holds a "
        f"dot: inputs.'a.b'.type=text. Got {setting!r}."
    )


def _put(tree: dict[str, Any], path: list[str], value: Any, setting: str) -> None:
    *outer, last = path
    for step in outer:
        inner: Any = _filled(step, tree.get(step))
        if inner is None:
            inner = {}
        elif isinstance(inner, str):
            # inputs.photo=image, then inputs.photo.size=64
            inner = {"type" if path[0] in ("inputs", "targets") else "name": inner}
        if not isinstance(inner, dict):
            raise ConfigError(f"There is nothing to set below {step!r} in {setting!r}.")
        tree[step] = inner
        tree = tree[step]
    tree[last] = value
