"""Choices to a network, and back to plain words."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter
from torch import nn

from plait import (
    balancing as balancers,
    fusion as fusions,
    modality_balancing as modality_balancers,
    pretraining as contrasts,
    sharing as sharings,
)

from ._catalogue import find
from ._errors import ArtifactError, ConfigError, UserError
from ._model import Model, View
from ._said import Said
from .balancing import Balancer
from .fusion import Fusion
from .modality_balancing import ModalityBalancer
from .pretraining import Contrast
from .schema import Schema
from .sharing import Sharing
from .training import Pretraining, Training

T = TypeVar("T")


def assemble(
    schema: Schema,
    width: int,
    fusion: Any,
    sharing: Any,
    balancing: Any,
    own: Iterable[type] = (),
    from_file: bool = False,
    view: View | None = None,
) -> tuple[Model, Balancer]:
    """A network and a balancer from the names or classes that were chosen.

    Args:
        schema: The fitted schema.
        width: Size of a token.
        fusion: A name, a mapping of a name and options, a class, or an object, of which a copy
            is taken.
        sharing: Likewise.
        balancing: Likewise.
        own: The user's own classes, which a name may mean.
        from_file: Whether the names come from a saved model, which must not make us import.
        view: The inputs that are looked at; None for all.

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
        view=view,
    )
    balancer = _made(balancers, Balancer, balancing, (tasks,), own)
    if set(balancer.tasks) != set(tasks):
        raise ConfigError(
            f"The balancing should be made for the tasks {list(tasks)}. It is made for "
            f"{list(balancer.tasks)}. Give its class, and it is built to fit."
        )
    return model, balancer


def assemble_modality(schema: Schema, view: View, choice: Any) -> ModalityBalancer | None:
    """What is done with the losses of single inputs, from the name or class that was chosen.

    Raises:
        ConfigError: If there is no such class, or an option does not fit.
    """
    if choice is None:
        return None
    tasks = tuple(schema.tasks)
    made = _made(modality_balancers, ModalityBalancer, choice, (view, tasks), ())
    if set(made.inputs) != set(view) or set(made.tasks) != set(tasks):
        raise ConfigError(
            f"The modality balancing should be made for the inputs {list(view)} and the tasks "
            f"{list(tasks)}. It is made for {list(made.inputs)} and {list(made.tasks)}. Give its "
            "class, and it is built to fit."
        )
    return made


def assemble_pretraining(choice: Any) -> tuple[Contrast, Pretraining]:
    """The loss of pre-training and the choices of the stage, from a name, a mapping or a class.

    Raises:
        ConfigError: If there is no such class, or an option does not fit.
    """
    stage, rest = Pretraining.parted(choice)
    made, options = _class_of(contrasts, Contrast, rest)
    return _made(contrasts, Contrast, {"name": made, **options}, (), ()), stage


def checked_names(said: Said) -> None:
    """Refuse choices that mean nothing before any work is done.

    Raises:
        ConfigError: If there is no class of such a name, or it is of another kind.
    """
    choices = [
        (fusions, Fusion, said.fusion),
        (sharings, Sharing, said.sharing),
        (balancers, Balancer, said.balancing),
    ]
    if said.modality_balancing is not None:
        choices.append((modality_balancers, ModalityBalancer, said.modality_balancing))
    for package, kind, choice in choices:
        if not isinstance(choice, kind):
            _class_of(package, kind, choice)
    if said.pretraining is not None:
        assemble_pretraining(said.pretraining)


def _refuse_strangers(choices: Iterable[Any], own: Iterable[type]) -> None:
    for choice in choices:
        name = str(choice.get("name") if isinstance(choice, Mapping) else choice)
        if ":" in name and _mine(name, own) is None:
            raise ArtifactError(
                f"This model was built with your own class {name!r}, and a saved file may not make "
                "plait import it. Import it yourself and give it to `load(path, own=[...])`."
            )


def _made(package: Any, kind: type[T], choice: Any, arguments: tuple, own: Iterable[type]) -> T:
    if isinstance(choice, kind):
        return deepcopy(choice)  # training changes it, and another `fit` begins where this one did
    made, options = _class_of(package, kind, choice, own)
    try:
        return made(*arguments, **options)
    except UserError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The options of {made.__name__} do not fit: {error}.") from error


def _class_of(
    package: Any, kind: type[T], choice: Any, own: Iterable[type] = ()
) -> tuple[type[T], dict[str, Any]]:
    options: dict[str, Any] = dict(choice) if isinstance(choice, Mapping) else {}
    made = options.pop("name", None) if isinstance(choice, Mapping) else choice
    if isinstance(made, str):
        made = _mine(made, own) or find(package, kind, made)
    if not (isinstance(made, type) and issubclass(made, kind)):
        raise ConfigError(
            f"A {kind.__name__} should be chosen by its name, as {{'name': ..., option: ...}} or "
            f"as a class. Got {choice!r}."
        )
    return made, options


def _mine(name: str, own: Iterable[type]) -> type | None:
    return {each.__name__: each for each in own}.get(name.rpartition(":")[2])


def ordered(schema: Schema, said: Mapping[str, Any]) -> Schema:
    """The inputs in the order in which they were named, where all of them were.

    A run's own ``config`` names them all: their order is then the one that it was run with.
    """
    if not set(schema.inputs) <= set(said):
        return schema
    inputs = {name: schema.inputs[name] for name in said if name in schema.inputs}
    return Schema(inputs, schema.tasks, schema.ignored)


def refuse_objects(fusion: Any, sharing: Any, balancing: Any, modality: Any) -> None:
    """Refuse to save what nobody could build again.

    Raises:
        ConfigError: If a choice is an object.
    """
    said = {"fusion": fusion, "sharing": sharing, "balancing": balancing}
    for what, choice in {**said, "modality balancing": modality}.items():
        if isinstance(choice, nn.Module):
            raise ConfigError(
                f"The {what} of a model that is saved should be a name, a class or {{'name': ..., "
                f"option: ...}}. Found an object of {type(choice).__name__!r}, of which nothing "
                "says how it was built. Fit with one of the others."
            )


def described(
    choices: Mapping[str, Any], declared: Schema, settings: Training, size: Mapping[str, Any]
) -> dict[str, Any]:
    """Every choice of a run in plain words, for ``config.json``; it can be given to ``--config``.

    Args:
        choices: The names or classes of fusion, sharing and balancing, and what needs no words.
        declared: The schema before it was fitted.
        settings: The loop, with nothing left open.
        size: The width of the network, and the inputs that it looks at.
    """
    plain = declared.to_dict()
    return {
        "targets": plain["tasks"],
        "inputs": {**dict.fromkeys(plain["ignored"], "ignore"), **plain["inputs"]},
        **{name: _named(choice) for name, choice in choices.items()},
        "model": dict(size),
        "training": TypeAdapter(Training).dump_python(settings, mode="json"),
    }


def _named(choice: Any) -> Any:
    if isinstance(choice, np.generic):
        return choice.item()
    if choice is None or isinstance(choice, str | int | float):
        return choice
    if isinstance(choice, Mapping):
        return {key: _named(each) if _plain(key, each) else each for key, each in choice.items()}
    made = choice if isinstance(choice, type) else type(choice)
    room = made.__module__
    return made.__name__ if room.partition(".")[0] == "plait" else f"{room}:{made.__name__}"


def _plain(key: str, value: Any) -> bool:
    return key == "name" or isinstance(value, np.generic)
