"""Where the processes of one command meet, and how all of them end."""

import itertools
import os
import signal
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import typer

from plait._errors import ConfigError, PlaitWarning

from ._crew import Crew
from ._show import tell

COUNT = itertools.count()
TERMINATED = 128 + signal.SIGTERM


@contextmanager
def crew() -> Generator[Crew]:
    """Join the processes that a launcher such as torchrun has started, and part at the end.

    All come to their end, or all fail: whatever one of them raises ends the others, too, and is
    told once. SIGTERM ends as an error does, so that nothing half-written stays.
    """
    before, main = None, threading.current_thread() is threading.main_thread()
    if main:
        before = signal.signal(signal.SIGTERM, _ended)
    made = Crew()
    try:
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size > 1 and "RANK" in os.environ:
            made = _joined()
        with warnings.catch_warnings():
            if not made.first:  # the first process is warned of the same
                warnings.simplefilter("ignore", PlaitWarning)
            yield made
        made.end()
    except _EndedError as error:
        if made.lost and made.speaks(made.lost, ConfigError.exit_code):
            raise ConfigError(made.lost) from error
        if not made.lost and made.first:
            tell("stopped: nothing was written")
        raise typer.Exit(TERMINATED) from error
    except Exception as error:
        code = getattr(error, "exit_code", 2 if isinstance(error, OSError) else 1)
        told = made.speaks(str(error), code if isinstance(code, int) else 1)
        made.linger()
        if told:
            raise
        raise typer.Exit(code) from error
    except BaseException:
        made.speaks("stopped", TERMINATED)
        raise
    finally:
        made.over.set()
        if main:
            with suppress(TypeError):  # it was not set from Python
                signal.signal(signal.SIGTERM, before)


def _joined() -> Crew:
    import torch.distributed as dist

    from plait.training._world import PATIENCE as JOINING, attempt

    try:
        store, rank, size = next(dist.rendezvous("env://", timeout=JOINING))
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            "Processes that share the rows of a table should find each other by RANK, WORLD_SIZE, "
            f"MASTER_ADDR and MASTER_PORT, as torchrun sets them. {error} Start them by torchrun, "
            "or take WORLD_SIZE away for one process."
        ) from error
    # A launcher may keep one store for all its attempts, and a process may run several commands.
    return _begun(rank, size, dist.PrefixStore(f"plait-crew-{attempt()}-{next(COUNT)}", store))


def _begun(rank: int, size: int, store: Any) -> Crew:
    made = Crew(rank, size, store)
    threading.Thread(target=made.watch, name="plait-crew", daemon=True).start()
    return made


class _EndedError(BaseException):
    """SIGTERM has come, or another process has failed."""


def _ended(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what is to be cleared away is cleared away
    raise _EndedError
