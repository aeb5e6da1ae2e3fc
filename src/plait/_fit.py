"""From rows to a trained network."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from pydantic import TypeAdapter

from ._assemble import assemble, described, ordered
from ._cache import LIMIT, cache_folder, shelf_of
from ._config import Config, DataOptions
from ._model import Model
from .data import Note, Pack, Source, merged
from .packing import Choices, prepare
from .schema import Schema
from .training import Callback, History, Trainer, keep
from .training._device import usable
from .training._probe import measured


@dataclass(frozen=True)
class Said:
    """What a learner was told, in whatever form it was said.

    Args:
        targets: The targets.
        inputs: The inputs that are known better than a guess.
        fusion: How inputs are joined.
        sharing: What tasks share.
        balancing: How losses are balanced.
    """

    targets: Sequence[str] | Mapping[str, Any]
    inputs: Mapping[str, Any]
    fusion: Any
    sharing: Any
    balancing: Any


@dataclass(frozen=True)
class Done:
    """What is there after training.

    Args:
        schema: The fitted schema.
        model: The trained network.
        history: What happened, epoch by epoch.
        notes: What was done to cells of the training table.
        rows: How many rows were trained on.
        held: How many others the best weights were chosen by.
        config: Every choice, with nothing left open.
    """

    schema: Schema
    model: Model
    history: History
    notes: tuple[Note, ...]
    rows: int
    held: int
    config: dict[str, Any]


def fitted(
    data: Source, valid: Source | None, said: Said, config: Config, callbacks: Sequence[Callback]
) -> Done:
    """Pack a table, build a network to fit, and train it.

    Raises:
        ConfigError: If a choice does not exist or does not fit.
        DataError: If the table or a column cannot be used; all problems at once.
        NonFiniteError: If a loss is not finite, before the optimizer steps.
    """
    shelf, worth = shelf_of(config.data.cache)
    found = prepare(data, valid, _choices(said, config), shelf, worth)
    schema, train = found.schema, found.train
    width = config.model.width or (64 if len(train) < 2_000 else 128)
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(config.seed % (1 << 63))
        model, balancer = assemble(schema, width, said.fusion, said.sharing, said.balancing)
    began = time.monotonic()
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
    settings = measured(schema, model, train, config.training).resolve(len(train), schema.seen)
    # What encoders and the choice of a batch have taken is no longer there for training.
    spent = time.monotonic() - began
    budget = None if config.seconds is None else max(1e-3, config.seconds - spent)
    window = found.window(config.data.bytes)
    trainer = Trainer(schema, settings, config.seed, budget, tuple(callbacks), window)
    history = trainer.fit(model, train, held, balancer)
    made = {"fusion": said.fusion, "sharing": said.sharing, "balancing": said.balancing}
    options = TypeAdapter(DataOptions).dump_python(config.data)
    told = {"data": options, "seed": config.seed, "budget": config.budget}
    return Done(
        schema,
        model,
        history,
        notes=merged(replace(found, train=train, valid=held).notes),
        rows=len(train),
        held=len(held or ()),
        config=described({**made, **told}, found.declared, settings, width),
    )


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
