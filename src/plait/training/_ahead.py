"""What comes next, made while the present is worked on."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

TRIAL = 16
WAIT = 0.1
LOOK = 1.0
"""Seconds after which it is looked whether there is still somebody to wait for."""


def ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The same items in the same order, made by a thread while the caller is busy.

    Args:
        items: What is made; an error in it is raised where its item would have come.
        depth: How many may be ready at a time.

    Example:
        >>> list(ahead(range(3)))
        [0, 1, 2]
    """
    ready: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)
    over = threading.Event()

    def put(entry: tuple[bool, T | BaseException | None]) -> None:
        done = False
        while not done and not over.is_set():
            with suppress(queue.Full):
                ready.put(entry, timeout=0.1)
                done = True

    def make() -> None:
        try:
            for item in items:
                put((True, item))
                if over.is_set():
                    return
            put((False, None))
        except BaseException as error:  # noqa: BLE001 (raised again by the one who waits)
            put((False, error))

    def taken() -> tuple[bool, T | BaseException | None]:
        while True:
            with suppress(queue.Empty):
                return ready.get(timeout=LOOK)
            # A fork has no threads, and an interpreter that ends stops them: nobody waits for one.
            if not thread.is_alive() and ready.empty():
                raise RuntimeError("The thread that reads ahead has ended without a word.")

    thread = threading.Thread(target=make, name="plait-ahead", daemon=True)
    thread.start()
    try:
        while True:
            more, item = taken()
            if isinstance(item, BaseException):
                raise item
            if not more:
                return
            yield item  # ty: ignore[invalid-yield]
    finally:
        over.set()
        thread.join()


def ahead_if_slow(
    items: Iterable[T], clock: Callable[[], float] = time.perf_counter
) -> Iterator[T]:
    """The same items; made ahead once the first have shown that the caller waits for them.

    The first :data:`TRIAL` items are made as they are asked for. Where more than a tenth of that
    time went into making them, a thread makes the rest: elsewhere it would only be in the way.

    Args:
        items: What is made.
        clock: Seconds; a test may bring its own.
    """
    source = iter(items)
    making, began = 0.0, clock()
    for done in range(TRIAL):
        start = clock()
        item = next(source, None)
        if item is None:
            return
        making += clock() - start if done else 0.0  # the first one pays for what is made once
        if not done:
            began = clock()
        yield item
    slow = making > WAIT * (clock() - began)
    yield from ahead(source) if slow else source
