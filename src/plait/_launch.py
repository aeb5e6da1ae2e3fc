"""Processes that an ordinary one starts to train with it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
import torch.distributed as dist

from ._devices import check_devices
from ._errors import ConfigError
from ._order import table_of
from .data import Source
from .training import Training
from .training._world import FRESH, GONE, HERE, LostError, begin, on_gpus

PAUSE, GRACE = 0.05, 5.0
"""Seconds between two looks at the others, and until one has said why it ends."""
WORDS = 8
"""Lines of what a process has said last."""
LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")


class Launch:
    """This process and others that it starts, which train one model; used as a context.

    The others are there for as long as the context is, and end with this process, however it ends.
    The environment of this process stays as it is; of its threads it takes a share meanwhile.

    Args:
        size: How many processes train together, this one among them.
        training: The choices of the loop, for the device.

    Raises:
        ConfigError: If there cannot be so many, or this process is one of several already.
    """

    def __init__(self, size: Any, training: Training) -> None:
        check_devices(size, training)
        self.size, self.device = size, training.device
        self.others: list[subprocess.Popen[bytes]] = []
        self._over = threading.Event()
        self._folder: Path | None = None
        self._store: dist.Store | None = None
        self._gpu: int | None = None
        self._threads: int | None = None

    @property
    def folder(self) -> Path:
        """A folder that is there for as long as the processes are."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="plait-"))
        return self._folder

    def __enter__(self) -> "Launch":
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def join(
        self,
        choices: Mapping[str, Any],
        data: tuple[Any, Source],
        valid: tuple[Any, Source | None],
        checkpoints: str | Path | None,
        resume: bool,
    ) -> None:
        """Tell the others what to do, and wait until all are here.

        Args:
            choices: All choices, for JSON.
            data: The table as it was given, and opened.
            valid: Likewise of the rows to choose the best weights by; None twice for none.
            checkpoints: The folder of checkpoints.
            resume: Whether to go on from the newest.

        Raises:
            DataError: If there is no room to hand a table over.
            LostError: If one has ended.
        """
        home = self.folder
        table = table_of(*data, home, "data")
        held = None if valid[1] is None else table_of(valid[0], valid[1], home, "valid")
        if str(home) in table["files"][0]:  # nothing of it is found again by another training
            choices = {**choices, "data": {**choices["data"], "cache": False}}
        order = {
            "choices": choices,
            "data": table,
            "valid": held,
            "checkpoints": None if checkpoints is None else str(Path(checkpoints).absolute()),
            "resume": resume,
            "folder": str(home),
        }
        text = json.dumps(order).encode() + b"\n"
        for other in self.others:
            assert other.stdin is not None
            with suppress(BrokenPipeError):  # it has ended, which is told below
                other.stdin.write(text)
                other.stdin.flush()
        assert self._store is not None
        while not self._store.check([f"{HERE}-{rank}" for rank in range(1, self.size)]):
            if self._ended():
                raise LostError
            time.sleep(PAUSE)
        if on_gpus(self.device):
            self._gpu = torch.cuda.current_device()
            torch.cuda.set_device(0)
        begin(self.device, self._store, 0, self.size)
        threading.Thread(target=self._watch, args=(self._store,), daemon=True).start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self.others and isinstance(error, LostError):
                self._tell(error)
        finally:
            self._end()

    def _start(self) -> None:
        if self.size == 1:
            return
        store = dist.TCPStore("127.0.0.1", 0, self.size, True, wait_for_workers=False)
        self._store = dist.PrefixStore(FRESH.format(0, 0), store)
        temporary = self.folder / "tmp"
        temporary.mkdir()
        plain = {name: value for name, value in os.environ.items()
                 if name not in LAUNCHED and not name.startswith("TORCHELASTIC_")}  # fmt: skip
        share = max(1, (os.cpu_count() or 1) // self.size)
        if "OMP_NUM_THREADS" not in plain:
            # More threads than cores wait for each other: a step then takes several times as long.
            self._threads = torch.get_num_threads()
            torch.set_num_threads(min(self._threads, share))
        shared = {
            "OMP_NUM_THREADS": str(share),
            **plain,
            "WORLD_SIZE": str(self.size),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(store.port),
            # What can be imported here can be imported there.
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            # What they leave behind goes with the folder.
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
        }
        words = [sys.executable, "-P", "-m", "plait._companion"]
        for rank in range(1, self.size):
            with self._said(rank).open("wb") as said:
                self.others.append(
                    subprocess.Popen(
                        words,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.DEVNULL,
                        stderr=said,
                        env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                        # Ctrl-C is for this process, which tells the others.
                        start_new_session=True,
                    )
                )

    def _ended(self) -> list[tuple[int, int]]:
        """Who has ended, and with what code."""
        codes = [(rank, other.poll()) for rank, other in enumerate(self.others, 1)]
        return [(rank, code) for rank, code in codes if code is not None]

    def _watch(self, store: "dist.Store") -> None:
        while not self._over.wait(PAUSE):
            if self._ended():
                with suppress(RuntimeError):  # this process is at its end too
                    store.set(GONE, "")
                return

    def _tell(self, error: LostError) -> None:
        until = time.monotonic() + GRACE
        while not (gone := [each for each in self._ended() if each[1]]):
            if time.monotonic() > until:
                return
            time.sleep(PAUSE)
        # One that was left alone says so: whoever has another cause to tell comes first.
        told = [(rank, code, self._last_words(rank)) for rank, code in gone]
        rank, code, words = min(told, key=lambda each: LostError.__name__ in each[2])
        how = f"was ended by signal {-code}" if code < 0 else f"has ended with code {code}"
        raise ConfigError(
            f"The {self.size} processes that train together should all be there. Process {rank} "
            f"{how}"
            + (f" and said:\n{words}\n" if words else " without a word. ")
            + "The others are ended too."
        ) from error

    def _said(self, rank: int) -> Path:
        return self.folder / f"{rank}.txt"

    def _last_words(self, rank: int) -> str:
        lines = self._said(rank).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-WORDS:])

    def _end(self) -> None:
        self._over.set()
        # Only this process writes anything that is to stay: there is nothing to wait for.
        for other in self.others:
            other.kill()
        for other in self.others:
            other.wait()
            if other.stdin:
                with suppress(BrokenPipeError):
                    other.stdin.close()
        self.others = []
        if self._store is not None and dist.is_initialized():
            dist.destroy_process_group()
        self._store = None
        if self._gpu is not None:
            torch.cuda.set_device(self._gpu)
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
