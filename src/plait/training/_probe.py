"""How large a batch pays on this machine."""

import time
from copy import deepcopy
from dataclasses import replace
from statistics import median

import torch
from torch import nn

from plait.balancing import Sum
from plait.data import Pack
from plait.schema import Schema

from ._agreed import agreed
from ._memory import out_of_memory
from ._settings import Training
from ._state import State
from ._step import train_step
from ._world import World

FIRST, TIMES, GAIN = 32, 3, 1.1


def probe(schema: Schema, model: nn.Module, pack: Pack, settings: Training) -> int:
    """The smallest batch that is about as fast as any, found by trying.

    From 32 rows on the batch is doubled while the rows a second rise by more than a tenth, memory
    holds and the pack has as many rows. The steps are taken by a copy of the model.

    What is found depends on the machine and on what else it does: another run may find another
    size, and with it other weights. Use it where speed matters most; the size that was taken is
    written into the run's configuration, with which the run can be repeated.

    Args:
        schema: The fitted schema.
        model: The model, which is left as it was.
        pack: The training rows.
        settings: The choices of the loop.
    """
    chosen = replace(settings, batch_size=FIRST, compile=False, strategy="ddp").resolve(len(pack))
    gpus = range(torch.cuda.device_count()) if chosen.device.startswith("cuda") else ()
    best, top = FIRST, 0.0
    with torch.random.fork_rng(gpus):
        state = State.of(deepcopy(model), Sum(tuple(schema.tasks)), chosen, world=World())
        size = FIRST
        while size <= max(len(pack), FIRST):
            rate = _rate(schema, state, pack, min(size, len(pack)))
            if rate <= GAIN * top:
                break
            best, top = size, rate
            size *= 2
    return best


def measured(schema: Schema, model: nn.Module, pack: Pack, settings: Training) -> Training:
    """The same settings, with a size in place of ``batch_size="auto"``.

    Of several processes each takes as many rows as pay for one; the first decides for all.
    """
    if settings.batch_size != "auto":
        return settings
    world = World.here()
    found = 0 if world.rank else probe(schema, model, pack, settings)
    agreed({})  # which takes longer than a step
    return replace(settings, batch_size=int(world.told(float(found))) * world.size)


def _rate(schema: Schema, state: State, pack: Pack, size: int) -> float:
    """Rows a second; 0 where there is no memory for so many."""
    seconds = []
    try:
        for number in range(1 + TIMES):
            rows = (torch.arange(size) + number * size) % len(pack)
            start = time.perf_counter()
            train_step(
                schema,
                state.model,
                pack[rows],
                state.balancer,
                state.optimizer,
                device=state.chosen.device,
                half=state.chosen.precision == "bfloat16",
            )
            seconds.append(time.perf_counter() - start)
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        return 0.0
    return size / max(median(seconds[1:]), 1e-9)  # the first one pays for what is made once
