"""Whether processes that train together have learned the same of their tables."""

import json
import time
from collections.abc import Mapping

import torch.distributed as dist

from plait._errors import ConfigError

from ._world import GONE, LostError, World

PAUSE = 0.02
"""Seconds between two looks."""


def agreed(told: Mapping[str, str | int]) -> None:
    """Wait until all processes are here, however long one takes, and compare what they tell.

    Unlike a step, which no process waits long for, this may take as long as reading a table does.

    Args:
        told: What should be the same in all, by name; nothing to wait only.

    Raises:
        ConfigError: If something differs: in all processes alike.
        LostError: If another process has ended.
    """
    world = World.here()
    if world.size > 1:
        from torch.distributed.distributed_c10d import _get_default_store

        compared(_get_default_store(), world, told)


def compared(store: "dist.Store", world: World, told: Mapping[str, str | int]) -> None:
    """Compare what some processes tell, by way of a store that all of them see."""
    # Every process asks as often as the others do, so the number of the turn names it.
    turn = store.add(f"plait-turn-{world.rank}", 1)
    store.set(f"plait-told-{turn}-{world.rank}", json.dumps(dict(told)))
    found = []
    for rank in range(world.size):
        while not store.check([f"plait-told-{turn}-{rank}"]):
            if store.check([GONE]):
                raise LostError
            time.sleep(PAUSE)
        found.append(json.loads(store.get(f"plait-told-{turn}-{rank}")))
    wrong = [
        f"{name} (process {rank}: {each[name]}, process 0: {found[0][name]})"
        for rank, each in enumerate(found)
        for name in told
        if each[name] != found[0][name]
    ]
    if wrong:
        raise ConfigError(
            "Processes that train together should have learned the same of their tables. These "
            f"differ: {', '.join(wrong)}. Let all of them read the same files, with the same "
            "choices and versions."
        )


def left() -> None:
    """Tell the other processes that this one has ended, so that none waits for it."""
    if World.here().size > 1:
        from torch.distributed.distributed_c10d import _get_default_store

        _get_default_store().set(GONE, "")
