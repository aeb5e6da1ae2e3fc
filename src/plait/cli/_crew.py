"""Processes that a launcher has started for one command, each with a share of the rows."""

import _thread
import json
import os
import secrets
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from plait._errors import ConfigError

BEAT = 2.0
"""Seconds between two signs of life of a process."""
PATIENCE = 45.0
"""Seconds without a sign of life after which a process is taken for lost."""
LOOK = 0.05
GONE = "The process that others meet in is gone: look for its message, and start again."


class Crew:
    """The processes of one command, or the only one.

    They meet in the store of torch.distributed, and nobody waits in a collective: an answer may
    take hours, and one share longer than another. Each process gives a sign of life from a thread
    of its own; one that is lost, or has failed, ends all others.

    Args:
        rank: The number of this process, from 0 on.
        size: How many there are.
        store: Where they meet; None for one process.
    """

    def __init__(self, rank: int = 0, size: int = 1, store: Any = None) -> None:
        self.rank, self.size, self.store = rank, size, store
        self.over, self.lost, self.asked = threading.Event(), "", 0

    @property
    def share(self) -> tuple[int, int]:
        """The number of this process and how many there are."""
        return self.rank, self.size

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks, and writes what all have found."""
        return self.rank == 0

    def say(self, key: str, value: str = "") -> None:
        """Let all processes know of something.

        Raises:
            ConfigError: If the process that they meet in is gone.
        """
        with _met():
            self.store.set(key, value)

    def hear(self, key: str) -> str:
        """What a process says, as soon as it does.

        Raises:
            ConfigError: If the process that they meet in is gone.
        """
        with _met():
            while not self.store.check([key]):
                time.sleep(LOOK)
            return self.store.get(key).decode()

    def mark(self) -> str:
        """Some letters that no other command has, the same in all processes."""
        mine = secrets.token_hex(4)
        if self.size == 1:
            return mine
        with _met():
            return self.store.compare_set("mark", "", mine).decode()

    def gathered(self, value: Any) -> list[Any]:
        """What each process has found, in order, for the first of them; for the others nothing.

        Args:
            value: Whatever JSON can hold.
        """
        self.asked += 1
        if not self.first:
            self.say(f"found-{self.asked}-{self.rank}", json.dumps(value))
            return []
        keys = [f"found-{self.asked}-{rank}" for rank in range(1, self.size)]
        return [value, *(json.loads(self.hear(key)) for key in keys)]

    @contextmanager
    def linked(self) -> Generator[None]:
        """Let all processes send tensors to each other; all have to be there within a minute."""
        import torch.distributed as dist

        from plait.training._world import PATIENCE as JOINING

        dist.init_process_group(
            "gloo",
            store=dist.PrefixStore("gloo", self.store),
            rank=self.rank,
            world_size=self.size,
            timeout=JOINING,
        )
        try:
            yield
        finally:
            dist.destroy_process_group()

    def end(self) -> None:
        """Wait until the first process has come to its end, which is that of all."""
        if self.size == 1 or self.over.is_set():
            return
        if not self.first:
            self.hear("end")
            self.over.set()
            with suppress(RuntimeError):  # all is well, whoever is gone by now
                self.store.add("gone", 1)
            return
        self.over.set()
        self.say("end")
        # The store may live in this process: it stays until all others have heard of the end.
        until = time.monotonic() + PATIENCE
        with suppress(RuntimeError):
            while self.store.add("gone", 0) < self.size - 1 and time.monotonic() < until:
                time.sleep(LOOK)

    def speaks(self, message: str, code: int) -> bool:
        """Whether this process is the one to tell why all of them end.

        Args:
            message: Why this one does.
            code: The exit code.
        """
        if self.size == 1:
            return True
        told = json.dumps([message, code])
        try:
            known = self.store.compare_set("failed", "", f"{self.rank}:{told}").decode()
        except RuntimeError:  # the store is gone, and with it the process that it was in
            return True
        rank, _, other = known.partition(":")
        return int(rank) == self.rank or other != told

    def linger(self) -> None:
        """Stay for as long as others need to hear of a failure, where they meet in this process."""
        if self.size > 1 and self.first and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") is None:
            time.sleep(2 * BEAT)

    def watch(self) -> None:
        """Give signs of life, and look for those of the others, until all is over."""
        peers = range(1, self.size) if self.first else (0,)
        seen = dict.fromkeys(peers, (0, time.monotonic()))
        while not self.over.wait(BEAT):
            try:
                self.store.add(f"beat-{self.rank}", 1)
                failed = self.store.check(["failed"])
                beats = {peer: self.store.add(f"beat-{peer}", 0) for peer in peers}
            except RuntimeError:
                return self._lose(GONE)
            if failed:
                return self._lose("")
            now = time.monotonic()
            seen = {
                peer: seen[peer] if seen[peer][0] == beat else (beat, now)
                for peer, beat in beats.items()
            }
            silent = [peer for peer, (_, since) in seen.items() if now - since > PATIENCE]
            if silent:
                return self._lose(
                    f"All {self.size} processes should be there. Process {silent[0]} has given no "
                    f"sign of life for {PATIENCE:.0f} s: look for its message, and start again."
                )
        return None

    def _lose(self, why: str) -> None:
        if not self.over.is_set():
            self.lost = why
            _thread.interrupt_main(signal.SIGTERM)


@contextmanager
def _met() -> Generator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ConfigError(GONE) from error
