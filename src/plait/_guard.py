"""A check that all inputs together are at least as good as the best of them alone."""

import time
from collections.abc import Callable
from dataclasses import replace

from ._model import Model, View
from .balancing import Balancer
from .data import Pack
from .training import History, Trainer, best_alone, mean, scores
from .training._world import World

Build = Callable[[View | None], tuple[Model, Balancer]]


def guarded(
    trainer: Trainer, build: Build, model: Model, history: History, train: Pack, valid: Pack
) -> tuple[Model, History]:
    """Try each input alone on the validation rows, as ``training.guard`` says.

    Args:
        trainer: What the model was trained by.
        build: Makes a new model that looks at some inputs.
        model: The trained model.
        history: Of its training.
        train: The training rows.
        valid: The validation rows.

    Returns:
        The model, which looks at one input alone where that is better and ``training.fall_back``
        allows it, and the history with what was found.
    """
    settings, shown = trainer.settings, model.view
    if settings.guard == "off" or len(shown) < 2 or not valid.targets:
        return model, history
    began = time.monotonic()
    world = World.here()
    together = scores(trainer.schema, model, valid, world=world)
    models: dict[str, Model] = {}
    alone: dict[str, dict[str, float]] = {}
    for name in shown:
        one = model
        if settings.guard == "models":
            one, balancer = build((name,))
            replace(trainer, callbacks=(), checkpoints=None).fit(one, train, valid, balancer)
        models[name] = one
        one.view = (name,)
        alone[name] = scores(trainer.schema, one, valid, world=world)
        model.view = shown
    best = best_alone(alone)
    better = best is not None and mean(alone[best]) > mean(together)
    kept = best if better and settings.fall_back else None
    if kept:
        model = models[kept]
        model.view = (kept,)
    seconds = history.seconds + time.monotonic() - began
    return model, replace(history, together=together, alone=alone, kept=kept, seconds=seconds)
