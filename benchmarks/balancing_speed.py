"""What balancing costs: the time of a step, as a multiple of a step on the sum of all losses.

python -m benchmarks.balancing_speed [--net mlp cnn transformer] [--tasks 2 4 8 16] [--rounds 9]
    [--device cpu] [--only WORD]
python -m benchmarks.balancing_speed --solvers
python -m benchmarks.balancing_speed --table results.jsonl

One process, one thread; the contestants take turns round by round, and each figure is the median
over rounds of the ratio to the plain step of the same round (processor time on a processor); for
"a label a row" of joint batches the plain step is one on the sum of the same losses. With
TorchJD and LibMTL in the same environment (`benchmarks/peers/setup balancers`, then
`PYTHONPATH=src .peers/balancers/bin/python -m ...`) they take part in the same run.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from plait import balancing
from plait._catalogue import catalogue
from plait.balancing import Balancer, GradientBalancer, Step, Sum, backward

from .balancing_nets import NETS, Many

Run = Callable[[Many], None]
PEERS = ("UPGrad", "MGDA", "PCGrad", "GradVac", "CAGrad", "IMTLG", "NashMTL", "FairGrad",
         "AlignedMTL", "DualProj", "ConFIG", "GradDrop")  # fmt: skip


ONE = "engine: a label a row, one pass"


class Even(GradientBalancer):
    """A trivial rule: what is left is the cost of the gradients."""

    def weights(self, step: Step) -> Tensor:
        """One for all."""
        return torch.ones_like(step.losses)


def plain(net: Many) -> None:
    """One backward pass of the sum."""
    torch.stack(net.losses()[0]).sum().backward()


class Loop:
    """Heads once, a pass through the trunk for each task into one flat buffer, by hand."""

    def __init__(self, net: Many) -> None:
        self.shared = list(net.trunk.parameters())
        numbers = sum(each.numel() for each in self.shared)
        self.rows = torch.empty(len(net.heads), numbers, device=net.x.device)

    def __call__(self, net: Many) -> None:
        """One step."""
        losses, _ = net.losses()
        for task, loss in enumerate(losses):
            own = list(net.heads[task].parameters())
            last = task == len(losses) - 1
            grads = torch.autograd.grad(loss, [*self.shared, *own], retain_graph=not last)
            torch.cat([g.reshape(-1) for g in grads[: len(self.shared)]], out=self.rows[task])
            for weight, grad in zip(own, grads[len(self.shared) :], strict=True):
                weight.grad = grad
        gramian = self.rows @ self.rows.T
        flat = torch.ones_like(gramian[0]) @ self.rows
        parts = flat.split([each.numel() for each in self.shared])
        for weight, grad in zip(self.shared, parts, strict=True):
            weight.grad = grad.view_as(weight)


def joint(net: Many) -> None:
    """The same, where each row has one label."""
    torch.stack(net.joint()).sum().backward()


def ours(rule: Balancer, kind: str = "", **options: object) -> Run:
    """A step through the engine."""

    def run(net: Many) -> None:
        losses = getattr(net, kind)() if kind else net.losses()[0]
        backward(dict(zip(rule.tasks, losses, strict=True)), rule, **options)

    return run


def torchjd(name: str, chunk: int | None = None) -> Run | None:
    """A step through TorchJD, if it is there."""
    if importlib.util.find_spec("torchjd") is None:
        return None
    from torchjd import aggregation
    from torchjd.autojac import jac_to_grad, mtl_backward

    made = getattr(aggregation, name, None)
    if made is None:
        return None

    def run(net: Many) -> None:
        losses, features = net.losses()
        mtl_backward(losses, features=features, parallel_chunk_size=chunk)
        needed = {"NashMTL": (len(losses),), "CAGrad": (0.5,), "FairGrad": (1.0,)}.get(name, ())
        rule = kept.setdefault(len(losses), made(*needed))
        jac_to_grad(list(net.trunk.parameters()), rule)

    kept: dict = {}
    return run


def libmtl(name: str, **options: object) -> Run | None:
    """A step through a weighting of LibMTL, if it is there; its trainer is left out."""
    if "LibMTL.weighting" not in sys.modules:  # its package imports what a trainer needs
        found = importlib.util.find_spec("LibMTL")
        if found is None:
            return None
        package = types.ModuleType("LibMTL")
        package.__path__ = list(found.submodule_search_locations or [])
        sys.modules["LibMTL"] = package
    import LibMTL.weighting as weighting

    kind = getattr(weighting, name, None)
    if kind is None:
        return None

    def run(net: Many) -> None:
        if not kept:
            rule = kind()
            rule.task_num, rule.device, rule.rep_grad = len(net.heads), net.x.device, False
            rule.get_share_params = net.trunk.parameters
            rule.zero_grad_share_params = lambda: net.trunk.zero_grad(set_to_none=False)
            rule.train_loss_buffer, rule.epoch = torch.ones(len(net.heads), 3).numpy(), 0
            kept.append(rule)
        losses = torch.stack(net.losses()[0])
        kept[0].backward(losses, **options)

    kept: list = []
    return run


def contestants(net: Many) -> dict[str, Run]:
    """All who take part, by name."""
    tasks = [f"task {number}" for number in range(len(net.heads))]
    even = Even(tasks)
    found: dict[str, Run | None] = {
        "plain sum": plain,
        "engine: Sum": ours(Sum(tasks)),
        "loop by hand": Loop(net),
        "engine: exact": ours(even),
        "engine: streamed": ours(Even(tasks), stream=True),
        "engine: features": ours(Even(tasks), at="features"),
        "engine: every=10": ours(Even(tasks), every=10),
        "engine: a label a row": ours(Even(tasks), kind="split"),
    }
    found[ONE] = ours(Even(tasks), kind="joint", rows=dict(zip(tasks, net.rows, strict=True)))
    found["engine: a label a row, joint, a pass for each"] = ours(Even(tasks), kind="joint")
    for name, kind in sorted(catalogue(balancing, Balancer).items()):
        found[f"plait {name}"] = ours(kind(tasks))
    for name in PEERS:
        found[f"TorchJD {name}"] = torchjd(name)
        found[f"TorchJD {name}, chunk 1"] = torchjd(name, 1)
    found["LibMTL EW"] = libmtl("EW")
    found["LibMTL MGDA"] = libmtl("MGDA", mgda_gn="none")
    found["LibMTL PCGrad"] = libmtl("PCGrad")
    found["LibMTL CAGrad"] = libmtl("CAGrad", calpha=0.5, rescale=1)
    found["LibMTL GradDrop"] = None  # it works on representations alone
    return {name: run for name, run in found.items() if run is not None}


def clock(device: str) -> float:
    """Processor time; on a GPU the time of the wall, once it is done."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def race(name: str, tasks: int, rounds: int, device: str, only: str) -> list[dict]:
    """The ratio of each contestant to the plain step."""
    net = Many(name, tasks).to(device)
    net.x, net.y, net.rows = net.x.to(device), net.y.to(device), net.rows.to(device)
    net.parts = [part.to(device) for part in net.parts]
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
    everyone = contestants(net)
    everyone = {who: run for who, run in everyone.items()
                if who in ("plain sum", "loop by hand") or only.lower() in who.lower()}  # fmt: skip

    def step(run: Run) -> float:
        start = clock(device)
        optimizer.zero_grad()
        run(net)
        optimizer.step()
        return clock(device) - start

    failed: dict[str, str] = {}
    for who, run in everyone.items():
        try:
            step(run), step(run)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is its result
            failed[who] = f"{type(error).__name__}: {error}"[:120]
    bases = [plain, joint] if any("a label a row, " in who for who in everyone) else [plain]
    times: dict[str, list[float]] = {who: [] for who in everyone if who not in failed}
    for _ in range(rounds):
        base = {run: min(step(run) for _ in range(3)) for run in bases}
        for who in times:
            found = min(step(everyone[who]) for _ in range(3))
            times[who].append(found / base[joint if ", joint" in who or who == ONE else plain])
    return [
        {
            "net": name, "tasks": tasks, "who": who, "device": device,
            **({"failed": failed[who]} if who in failed else {
                "ratio": round(statistics.median(times[who]), 3),
                "low": round(min(times[who]), 3), "high": round(max(times[who]), 3)}),
        }
        for who in everyone
    ]  # fmt: skip


def table(path: Path) -> None:
    """Print what was measured as a table: a row for each contestant, a column for each net."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    columns = list(dict.fromkeys((line["tasks"], line["net"]) for line in lines))
    columns.sort()
    print("| | " + " | ".join(f"{net}, {tasks}" for tasks, net in columns) + " |")
    print("| --- " * (len(columns) + 1) + "|")
    for who in dict.fromkeys(line["who"] for line in lines):
        found = {(line["tasks"], line["net"]): line for line in lines if line["who"] == who}
        cells = [
            f"{line['ratio']:.2f} ({line['low']:.2f} to {line['high']:.2f})"
            if "ratio" in (line := found.get(column, {}))
            else "fails"
            if "failed" in line
            else ""
            for column in columns
        ]
        print(f"| {who} | " + " | ".join(cells) + " |")


def solvers() -> None:
    """Milliseconds of each rule alone, on Gramians of random gradients."""
    for tasks in (2, 4, 8, 16):
        rows = torch.randn(
            tasks, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
        )
        step = Step(torch.rand(tasks, dtype=torch.float64) + 1, torch.arange(tasks), rows @ rows.T,
                    rows)  # fmt: skip
        for name, kind in sorted(catalogue(balancing, Balancer).items()):
            rule = kind([str(number) for number in range(tasks)])
            taken = []
            with torch.no_grad():
                for _ in range(60):
                    start = time.perf_counter()
                    rule.weights(step)
                    taken.append(1e3 * (time.perf_counter() - start))
            middle, low = round(statistics.median(taken), 3), round(min(taken), 3)
            print(
                json.dumps({"solver": name, "tasks": tasks, "ms": middle, "low": low}), flush=True
            )


def main() -> None:
    """Run from the command line; one line of JSON a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", nargs="+", choices=sorted(NETS), default=sorted(NETS))
    parser.add_argument("--tasks", nargs="+", type=int, default=[2, 4, 8, 16])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="part of the names of those who take part")
    parser.add_argument("--solvers", action="store_true")
    parser.add_argument("--table", type=Path, help="lines that were measured")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.table:
        table(given.table)
        return
    if given.solvers:
        solvers()
        return
    for name in given.net:
        for tasks in given.tasks:
            for line in race(name, tasks, given.rounds, given.device, given.only):
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
