"""Choices to a network, and back to plain words."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter

from plait import balancing as balancers, fusion as fusions, sharing as sharings

from ._catalogue import find
from ._errors import ArtifactError, ConfigError
from ._model import Model
from .balancing import Balancer
from .fusion import Fusion
from .schema import Schema
from .sharing import Sharing
from .training import Training

T = TypeVar("T")


def assemble(
    schema: Schema,
    width: int,
    fusion: Any,
    sharing: Any,
    balancing: Any,
    own: Iterable[type] = (),
    from_file: bool = False,
) -> tuple[Model, Balancer]:
    """A network and a balancer from the names or classes that were chosen.

    Args:
        schema: The fitted schema.
        width: Size of a token.
        fusion: A name, a mapping of a name and options, a class or an object.
        sharing: Likewise.
        balancing: Likewise.
        own: The user's own classes, which a name may mean.
        from_file: Whether the names come from a saved model, which must not make us import.

    Raises:
        ConfigError: If there is no such class, or an option does not fit.
        ArtifactError: If a saved model names a class that is not in ``own``.
    """
    if from_file:
        _refuse_strangers((fusion, sharing), own)
    inputs, tasks = tuple(schema.inputs), tuple(schema.tasks)
    model = Model(
        schema,
        width,
        fusion=_made(fusions, Fusion, fusion, (inputs, width), own),
        sharing=_made(sharings, Sharing, sharing, (tasks, width), own),
    )
    return model, _made(balancers, Balancer, balancing, (tasks,), own)


def checked_names(fusion: Any, sharing: Any, balancing: Any) -> None:
    """Refuse names that mean nothing before any work is done.

    Raises:
        ConfigError: If there is no class of such a name.
    """
    choices = (
        (fusions, Fusion, fusion),
        (sharings, Sharing, sharing),
        (balancers, Balancer, balancing),
    )
    for package, kind, choice in choices:
        name = choice.get("name") if isinstance(choice, Mapping) else choice
        if isinstance(name, str):
            find(package, kind, name)


def _refuse_strangers(choices: Iterable[Any], own: Iterable[type]) -> None:
    for choice in choices:
        name = str(choice.get("name") if isinstance(choice, Mapping) else choice)
        if ":" in name and name.rpartition(":")[2] not in {each.__name__ for each in own}:
            raise ArtifactError(
                f"This model was built with your own class {name!r}, and a saved file may not make "
                "plait import it. Import it yourself and give it to `load(path, own=[...])`."
            )


def _made(package: Any, kind: type[T], choice: Any, arguments: tuple, own: Iterable[type]) -> T:
    if isinstance(choice, kind):
        return choice
    options: dict[str, Any] = {}
    if isinstance(choice, Mapping):
        options = dict(choice)
        choice = options.pop("name", None)
    if isinstance(choice, str):
        mine = {item.__name__: item for item in own}
        last = choice.rpartition(":")[2]
        choice = mine[last] if last in mine else find(package, kind, choice)
    if not (isinstance(choice, type) and issubclass(choice, kind)):
        raise ConfigError(
            f"A {kind.__name__} should be chosen by its name, as {{'name': ..., option: ...}} or "
            f"as a class. Got {choice!r}."
        )
    try:
        return choice(*arguments, **options)
    except TypeError as error:
        raise ConfigError(f"The options of {choice.__name__} do not fit: {error}.") from error


def described(
    choices: Mapping[str, Any], declared: Schema, settings: Training, width: int
) -> dict[str, Any]:
    """Every choice of a run in plain words, for ``config.json``; it can be given to ``--config``.

    Args:
        choices: The names or classes of fusion, sharing and balancing, and what needs no words.
        declared: The schema before it was fitted.
        settings: The loop, with nothing left open.
        width: Size of a token.
    """
    plain = declared.to_dict()
    return {
        "targets": plain["tasks"],
        "inputs": {**plain["inputs"], **dict.fromkeys(plain["ignored"], "ignore")},
        **{name: _named(choice) for name, choice in choices.items()},
        "model": {"width": width},
        "training": TypeAdapter(Training).dump_python(settings, mode="json"),
    }


def _named(choice: Any) -> Any:
    if choice is None or isinstance(choice, str | int | float | Mapping):
        return choice
    return (choice if isinstance(choice, type) else type(choice)).__name__
