"""What travels between processes in a step, and what that comes to with many more of them.

torchrun --standalone --nproc-per-node 2 -m benchmarks.scaling travels [--width 256] [--tasks 4]
python -m benchmarks.scaling project

The first counts the bytes that every process hands to each kind of collective operation in a step,
for each strategy and some balancers, and what the network card sees of it. The second does the
arithmetic for machines that nobody measured; its assumptions are printed with it.
"""

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import plait
from plait import balancing
from plait.training import Training
from plait.training._common import common
from plait.training._sharding import local
from plait.training._spare import Spare
from plait.training._state import State
from plait.training._world import joined

STEPS, ROWS = 5, 2_048
CASES = (("ddp", "Sum"), ("ddp", "FAMO"), ("ddp", "UPGrad"), ("ddp", "GradDrop"),
         ("fsdp", "Sum"), ("fsdp", "FAMO"), ("fsdp", "UPGrad"))  # fmt: skip
KINDS = {"allreduce_": "all-reduce", "broadcast_": "broadcast", "_allgather_base_": "all-gather",
         "_reduce_scatter_base_": "reduce-scatter", "barrier": "barrier"}  # fmt: skip


class Count(TorchDispatchMode):
    """Count what is handed to torch.distributed, whoever calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Let DTensor go first, and count the plain operations that it turns into."""
        if any(issubclass(each, torch.distributed.tensor.DTensor) for each in types):
            return NotImplemented
        if func.namespace == "c10d":
            name = func._schema.name.split("::")[1]
            kind = KINDS.get(name, name)
            # All of it: what is gathered, or what is scattered.
            whole = args[1] if kind == "reduce-scatter" else args[0]
            self.bytes[kind] += _bytes(whole)
            self.calls[kind] += 1
        return func(*args, **(kwargs or {}))


def _held(state: State) -> int:
    """The bytes of this process for weights, their average and what the optimizer keeps of them."""
    kept = [each for held in state.optimizer.state.values() for each in held.values()]
    weights = [*state.model.parameters(), *state.averaged.module.parameters()]
    return sum(local(each).nbytes for each in [*weights, *kept])


def _bytes(held: Any) -> int:
    if isinstance(held, Tensor):
        return held.nbytes
    return sum(map(_bytes, held)) if isinstance(held, list | tuple) else 0


def on_the_wire(bytes_by_kind: Mapping[str, float], size: int) -> float:
    """What each process sends at least, for what it hands over, by rings.

    Source:
        Patarasuk and Yuan, *Bandwidth optimal all-reduce algorithms for clusters of workstations*,
        Journal of Parallel and Distributed Computing 2009.
    """
    share = (size - 1) / size
    return sum(
        (2 if kind == "all-reduce" else 1) * share * held for kind, held in bytes_by_kind.items()
    )


@contextmanager
def sent() -> Iterator[list[float]]:
    """The bytes that leave by the loopback interface, of all processes together."""
    found = [0.0]
    before = _loopback()
    yield found
    found[0] = _loopback() - before


def _loopback() -> float:
    path = Path("/proc/net/dev")
    if not path.is_file():
        return float("nan")
    (line,) = (each for each in path.read_text().splitlines() if each.strip().startswith("lo:"))
    return float(line.split()[9])


def begun(strategy: str, rule: str, width: int, tasks: int) -> tuple[plait.Schema, State, Any]:
    """A training of 30 columns, of which all tasks have labels."""
    draw = np.random.default_rng(0)
    table: dict[str, list] = {f"n{i}": draw.normal(size=ROWS).tolist() for i in range(20)}
    table |= {f"c{i}": draw.choice(list("abcdefgh"), ROWS).tolist() for i in range(10)}
    targets = [f"y{i}" for i in range(tasks)]
    table |= {name: draw.normal(size=ROWS).tolist() for name in targets}
    schema = plait.Schema.infer(table, targets).fit(table)
    pack = schema.pack(table)
    chosen = Training(device="cpu", strategy=strategy).resolve(ROWS)  # ty: ignore[invalid-argument-type]
    torch.manual_seed(0)
    model, spare = plait.Model(schema, width=width), Spare.of(pack)
    shared = common(schema, model, spare, chosen)
    made = getattr(balancing, rule)(targets)
    return schema, State.of(model, made, chosen, spare=spare, shared=shared), pack


def travels(width: int, tasks: int) -> None:
    """Print a line of JSON for each case."""
    torch.set_num_threads(1)
    with joined("cpu") as world:
        for strategy, rule in CASES:
            schema, state, pack = begun(strategy, rule, width, tasks)
            rows = torch.arange(world.rank, 256, world.size)
            state.pace(0.3)
            state.step(schema, pack[rows], 0)
            count, taken = Count(), []
            with count, sent() as wire:
                for number in range(STEPS):
                    start = time.perf_counter()
                    state.step(schema, pack[rows], number)
                    taken.append(1e3 * (time.perf_counter() - start))
            held = sum(weight.numel() for weight in state.model.parameters())
            handed = {kind: total / STEPS for kind, total in count.bytes.items()}
            line = {
                "processes": world.size,
                "strategy": strategy,
                "balancer": rule,
                "tasks": tasks,
                "weights": held,
                "bytes": {kind: round(each) for kind, each in handed.items()},
                "calls": {kind: each / STEPS for kind, each in count.calls.items()},
                "held": round(_held(state) / (4 * held), 3),
                "per_weight_byte": round(sum(handed.values()) / (4 * held), 3),
                "sent_by_rings": round(on_the_wire(handed, world.size)),
                "sent_measured": round(wire[0] / STEPS / world.size),
                "ms": round(statistics.median(taken), 1),
            }
            if not world.rank:
                print(json.dumps(line), flush=True)
            world.told(0.0)


def project() -> None:
    """Print what the arithmetic gives, with what it assumes."""
    assumed = {
        "GPUs of a machine": 8,
        "between GPUs of a machine, GB/s each way and GPU": 300,
        "between machines, GB/s each way and GPU": 40,
        "latency of an operation, microseconds: log2(GPUs) times": 10,
        "bytes of a number": 4,
    }
    print(json.dumps({"assumed": assumed}))
    loads = {  # numbers handed over for each weight, by kind; and operations in a step
        "ddp, any rule of losses": ({"all-reduce": 1.0}, 5),
        "ddp, exact Gramian, 4 tasks": ({"all-reduce": 1.0, "reduce-scatter": 4.0}, 8),
        "ddp, whole gradients, 4 tasks": ({"all-reduce": 5.0, "broadcast": 1.0}, 9),
        "fsdp, any rule of losses": ({"all-gather": 1.0, "reduce-scatter": 1.0}, 7),
        "fsdp, Gramian, 4 tasks": ({"all-gather": 1.0, "reduce-scatter": 4.0}, 11),
    }
    for weights in (10e6, 1e9):
        for name, (load, calls) in loads.items():
            found = {}
            for gpus in (8, 64, 1024):
                rate = 1e9 * (300 if gpus <= 8 else 40)
                bytes_by_kind = {kind: 4 * weights * each for kind, each in load.items()}
                seconds = on_the_wire(bytes_by_kind, gpus) / rate
                seconds += calls * 10e-6 * float(np.log2(gpus))
                found[gpus] = round(1e3 * seconds, 2)
            line = {"weights": weights, "what": name, "ms_with_gpus": found}
            print(json.dumps(line))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["travels", "project"])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--tasks", type=int, default=4)
    said = parser.parse_args()
    if said.what == "project":
        project()
    else:
        travels(said.width, said.tasks)


if __name__ == "__main__":
    main()
