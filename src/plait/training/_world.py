"""Several processes that train one model, each on a share of the rows of every step."""

import itertools
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from plait._errors import ConfigError

from ._sharding import sharded

PATIENCE = timedelta(seconds=60)
"""How long a process waits for another."""
GONE, HERE = "plait-gone", "plait-here"
"""Under which names a store is told that a process has ended, and that one is there."""
FRESH, JOINED = "plait-{}-{}", itertools.count()
"""What a store is called for one training, and how often this process has joined others."""
LOST = ("Connection closed by peer", "Connection reset by peer", "Timed out waiting", "NCCL")
"""How torch.distributed tells that another process is gone."""


class LostError(ConfigError):
    """Another of the processes that train together has ended."""

    def __init__(self) -> None:
        super().__init__(
            "Processes that train together should all be there. Another one has ended, or did not "
            f"answer for {PATIENCE.seconds} s: look for its message. Started by torchrun with "
            "`--max-restarts`, or by Ray, they go on from the last checkpoint."
        )


@dataclass(frozen=True)
class World:
    """Which of several processes this is.

    Args:
        rank: Its number, from 0 on.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> "World":
        """From what is running: that of torch.distributed, or one process."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    @property
    def home(self) -> str:
        """Where numbers travel from."""
        return "cuda" if self.size > 1 and dist.get_backend() == "nccl" else "cpu"

    def sums(self, numbers: Sequence[float]) -> list[float]:
        """The sum over all processes of each of some numbers."""
        return self._reduced(numbers, dist.ReduceOp.SUM) if self.size > 1 else list(numbers)

    def most(self, numbers: Sequence[float]) -> list[float]:
        """The largest over all processes of each of some numbers."""
        return self._reduced(numbers, dist.ReduceOp.MAX) if self.size > 1 else list(numbers)

    def told(self, number: float) -> float:
        """The number of the first process, in all."""
        if self.size == 1:
            return number
        table = torch.tensor([number], dtype=torch.float64, device=self.home)
        dist.broadcast(table, 0)
        return table.item()

    @torch.no_grad()
    def share(self, tensors: Sequence[Tensor]) -> None:
        """Let tensors be those of the first process, in all; small ones travel together."""
        if self.size == 1:
            return
        few: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            few.setdefault(tensor.dtype, []).append(tensor)
        for kind in few.values():
            for some in _packets(kind):
                line = torch.cat([each.reshape(-1).to(self.home) for each in some])
                dist.broadcast(line, 0)
                for tensor, part in zip(some, line.split([t.numel() for t in some]), strict=True):
                    tensor.copy_(part.view_as(tensor))

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes of a tensor, on the processor."""
        if self.size == 1:
            return tensor
        moved = tensor.to(self.home)
        dist.all_reduce(moved)
        return moved.cpu()

    def together(
        self,
        work: Callable[[], object],
        fails: tuple[type[Exception], ...],
        *,
        alone: bool = False,
    ) -> None:
        """Do some work that may fail; where it does in one process, it does in all.

        Args:
            work: What to do.
            fails: How it may fail.
            alone: Whether the first process does it for all.

        Raises:
            OSError: If it failed in another process; else what it failed with in this one.
        """
        why: Exception | None = None
        try:
            if not (alone and self.rank):
                work()
        except fails as error:
            why = error
        (failed,) = self.most([float(why is not None)])
        if why is not None:
            raise why
        if failed:
            raise OSError("it failed in another process")

    def length(self, norm: Tensor) -> Tensor:
        """The norm of what processes hold in parts, from that of the part here."""
        square = norm.double().square()
        dist.all_reduce(square)
        return square.sqrt().to(norm)

    def average(self, parameters: Sequence[Tensor]) -> None:
        """Let all gradients be their mean over processes; one that none has stays away.

        All travel as one vector for each type of number. A process that has no gradient for a
        weight that another has one for counts with zeros. Those of sharded weights are that mean
        already.

        Args:
            parameters: The weights, the same in all processes.
        """
        if self.size == 1:
            return
        kinds: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
        for weight in (each for each in parameters if not sharded(each)):
            kinds.setdefault((weight.dtype, weight.device), []).append(weight)
        for (dtype, device), weights in kinds.items():
            there = [float(weight.grad is not None) for weight in weights]
            parts = [
                weight.new_zeros(weight.numel()) if weight.grad is None else weight.grad.flatten()
                for weight in weights
            ]
            whole = torch.cat([*parts, torch.tensor(there, dtype=dtype, device=device)])
            dist.all_reduce(whole)
            found = whole.split([*(weight.numel() for weight in weights), len(weights)])
            for weight, grad, count in zip(weights, found, found[-1].tolist(), strict=False):
                weight.grad = (grad / self.size).view_as(weight) if count else None

    def _reduced(self, numbers: Sequence[float], how: "dist.ReduceOp.RedOpType") -> list[float]:
        table = torch.tensor(numbers, dtype=torch.float64, device=self.home)
        dist.all_reduce(table, how)
        return table.tolist()


def _packets(tensors: Sequence[Tensor], most: int = 1 << 20) -> list[list[Tensor]]:
    """Tensors put together up to so many numbers; one that has more goes alone."""
    packets: list[list[Tensor]] = []
    room = 0
    for tensor in tensors:
        if room < tensor.numel() or not packets:
            packets.append([])
            room = most
        packets[-1].append(tensor)
        room -= tensor.numel()
    return packets


@contextmanager
def joined(device: str) -> Generator[World]:
    """Join the processes that a launcher such as torchrun has started, and part at the end.

    Where torch.distributed runs already, or there is one process, nothing is begun.

    Args:
        device: What was chosen: NCCL carries what lies on a CUDA GPU, else gloo does.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "RANK" not in os.environ or dist.is_initialized():
        yield World.here()
        return
    if on_gpus(device):
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    store, rank, size = next(dist.rendezvous("env://", timeout=PATIENCE))
    # A launcher may keep one store for all its attempts, and for all that is trained one after
    # another: addresses of those that are gone stay in.
    apart = dist.PrefixStore(FRESH.format(attempt(), next(JOINED)), store)
    apart.set(f"{HERE}-{rank}", "")
    begin(device, apart, rank, size)
    try:
        yield World.here()
    finally:
        dist.destroy_process_group()


def on_gpus(device: str) -> bool:
    """Whether each process takes a CUDA GPU of its own for what was chosen."""
    return device in ("auto", "cuda") and torch.cuda.is_available()


def begin(device: str, store: "dist.Store", rank: int, size: int) -> None:
    """Join the other processes, whose addresses are in a store."""
    kind = "nccl" if on_gpus(device) else "gloo"
    dist.init_process_group(kind, store=store, rank=rank, world_size=size, timeout=PATIENCE)


@contextmanager
def heard() -> Generator[None]:
    """Say in plain words that another process has ended, which had the cause to tell.

    Raises:
        LostError: If that is why this one cannot go on.
    """
    try:
        yield
    except RuntimeError as error:
        if not any(each in str(error) for each in LOST):
            raise
        raise LostError from error


def first() -> bool:
    """Whether this is the first of the processes that a launcher has started, or the only one."""
    if dist.is_available() and dist.is_initialized():  # Ray says it here, and nowhere else
        return dist.get_rank() == 0
    return os.environ.get("RANK", "0") == "0" or os.environ.get("WORLD_SIZE", "1") == "1"


def attempt() -> int:
    """How often a launcher has started the processes anew, after one of them had failed."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
