"""From rows to a trained network."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from ._assemble import assemble, assemble_modality, assemble_pretraining, described, ordered
from ._begun import begun, told_of
from ._cache import LIMIT, cache_folder, shelf_of
from ._config import Config, DataOptions
from ._guard import guarded
from ._model import Model, View
from ._said import Said
from .balancing import Balancer
from .data import Note, Pack, Source, merged
from .packing import Choices, prepare
from .schema import Schema
from .training import Callback, History, Trainer, keep, pretrain
from .training._agreed import agreed
from .training._device import usable
from .training._probe import measured


@dataclass(frozen=True)
class Done:
    """What is there after training.

    Args:
        schema: The fitted schema.
        model: The trained network.
        history: What happened, epoch by epoch; None for a model that was trained elsewhere.
        config: Every choice, with nothing left open.
        notes: What was done to cells of the training table.
        rows: How many rows were trained on.
        held: How many others the best weights were chosen by.
    """

    schema: Schema
    model: Model
    history: History | None
    config: Mapping[str, Any]
    notes: tuple[Note, ...] = ()
    rows: int = 0
    held: int = 0

    @property
    def log(self) -> list[dict[str, Any]]:
        """What happened: one mapping an epoch, and one of what the guard found."""
        return self.history.lines if self.history else []


def fitted(
    data: Source,
    valid: Source | None,
    said: Said,
    config: Config,
    callbacks: Sequence[Callback],
    checkpoints: str | Path | None = None,
    resume: bool = False,
) -> Done:
    """Pack a table, build a network to fit, and train it.

    Args:
        data: The table.
        valid: Rows to choose the best weights by; None for a share of the table.
        said: What the learner was told.
        config: All other choices.
        callbacks: Who looks on.
        checkpoints: The folder of checkpoints; None for none.
        resume: Whether to go on from the newest.

    Raises:
        ArtifactError: If it is to go on, and there are checkpoints but none that fits.
        ConfigError: If a choice does not exist or does not fit.
        DataError: If the table or a column cannot be used; all problems at once.
        NonFiniteError: If a loss is not finite, before the optimizer steps.
    """
    shelf, worth = shelf_of(config.data.cache)
    found = prepare(data, valid, _choices(said, config), shelf, worth)
    schema, train = replace(found.schema, usual=found.usual), found.train
    agreed(told_of(found))
    width = config.model.width or (64 if len(train) < 2_000 else 128)
    build = partial(_built, schema, width, said, config.seed)
    model, balancer = build(config.model.view)
    began = time.monotonic()
    steps = begun(checkpoints, resume, said, config, found)
    device = replace(config.training, batch_size=None).resolve(len(train)).device
    usable(device)
    home = cache_folder(config.data.cache)

    def kept(pack: Pack) -> Pack:
        return keep(
            model,
            pack,
            cache=home / "encoders" if home else None,
            device=device,
            most=config.data.bytes,
            limit=None if isinstance(config.data.cache, str) else LIMIT,
        )

    train, held = kept(train), kept(found.valid) if found.valid else None
    loop = config.training
    if steps and "batch_size" in steps.extra:  # where it was measured, another run may find another
        loop = replace(loop, batch_size=steps.extra["batch_size"])
    settings = measured(schema, model, train, loop).resolve(len(train), schema.seen)
    window = found.window(config.data.bytes)

    # What has been taken so far is no longer there for what is to come.
    def left() -> float | None:
        spent = time.monotonic() - began
        return None if config.seconds is None else max(1e-3, config.seconds - spent)

    losses: tuple[float, ...] = ()
    before: dict[str, Tensor] = {}

    def alone(view: View | None) -> tuple[Model, Balancer]:
        one, weighed = build(view)
        if before:
            one.encoders.load_state_dict(before)
        return one, weighed

    known = steps.extra.get("pretraining") if steps else None
    if steps and known is not None:  # what came before was paid for by the training that began
        began -= steps.extra.get("spent", 0.0)
    if known is not None and settings.guard != "models":
        losses = tuple(known)  # what came of it is in the checkpoint
    elif said.pretraining is not None:
        loss, stage = assemble_pretraining(said.pretraining)
        losses = pretrain(
            schema,
            model,
            train,
            loss,
            settings,
            stage,
            seed=config.seed,
            budget=left(),
            window=window,
            callbacks=tuple(callbacks),
        )
        # A model of one input has nothing to hold it against: it begins where this one does.
        if settings.guard == "models":
            before = {name: each.clone() for name, each in model.encoders.state_dict().items()}
    several = 1 + len(model.view) if settings.guard == "models" and held is not None else 1
    share = None if config.seconds is None else (left() or 0.0) / several
    if steps:
        steps.extra |= {"batch_size": settings.size, "pretraining": list(losses)}
        steps.extra.setdefault("spent", time.monotonic() - began)
    trainer = Trainer(schema, settings, config.seed, share, tuple(callbacks), window, steps)
    agreed({})  # one may have found in its cache what another had to compute
    modality = assemble_modality(schema, model.view, said.modality_balancing)
    history = replace(trainer.fit(model, train, held, balancer, modality), pretraining=losses)
    if held is not None:
        model, history = guarded(trainer, alone, model, history, train, held)
    made = {
        "fusion": said.fusion,
        "sharing": said.sharing,
        "balancing": said.balancing,
        "modality_balancing": said.modality_balancing,
        "pretraining": said.pretraining,
    }
    options = TypeAdapter(DataOptions).dump_python(config.data)
    told = {"data": options, "seed": config.seed, "budget": config.budget}
    size = {"width": width, "view": config.model.view, "kept": history.kept}
    return Done(
        schema,
        model,
        history,
        notes=merged(replace(found, train=train, valid=held).notes),
        rows=len(train),
        held=len(held or ()),
        config=described({**made, **told}, found.declared, settings, size),
    )


def _built(
    schema: Schema, width: int, said: Said, seed: int, view: View | None
) -> tuple[Model, Balancer]:
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed % (1 << 63))
        return assemble(schema, width, said.fusion, said.sharing, said.balancing, view=view)


def _choices(said: Said, config: Config) -> Choices:
    targets, inputs = said.targets, said.inputs
    return Choices(
        targets=targets
        if isinstance(targets, Mapping)
        else dict.fromkeys([targets] if isinstance(targets, str) else targets),
        inputs=inputs,
        declare=lambda table: ordered(Schema.infer(table, targets, inputs), inputs),
        share=config.data.valid,
        seed=config.seed,
        memory=config.data.bytes,
    )
