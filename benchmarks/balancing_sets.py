"""Every balancer on two real problems, beside single-task nets and a tuned weighted sum.

python -m benchmarks.balancing_sets census pairs --data FOLDER [--only NAME ...] [--seed 0 1 2]
    [--epochs 3]

`pairs`: garments and digits laid over each other (Multi-Fashion+MNIST), 12,000 training pairs, a
small LeNet; the score of a task is its accuracy. `census`: income and never having married from
the other columns, all 66,508 training rows; ROC AUC. Adam at 1e-3 for all; the tuned sum has its
weights and its rate from a grid of 15, chosen on validation rows by seed 0. One line of JSON for
each method: the test scores of each seed, and their mean with half of its 95 % interval.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from plait import Table, balancing
from plait._catalogue import catalogue
from plait.balancing import Balancer, Static, Sum, Wrapper, backward

RATES, SHARES = (5e-4, 1e-3, 2e-3), (0.2, 0.35, 0.5, 0.65, 0.8)
T95 = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}


@dataclass(frozen=True)
class Problem:
    """Rows as tensors, a net, and a score."""

    tasks: tuple[str, str]
    train: tuple[Tensor, Tensor]
    valid: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    net: Callable[[int], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor], float]
    batch: int
    epochs: int


class Heads(nn.Module):
    """A trunk and a head for each task."""

    def __init__(self, trunk: nn.Module, heads: list[nn.Module]) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, nn.ModuleList(heads)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The outputs of all heads."""
        features = self.trunk(x)
        return [head(features) for head in self.heads]


def pairs(data: Path) -> Problem:
    """Garments and digits laid over each other."""
    import gzip

    def idx(kind: str, name: str, what: str) -> np.ndarray:
        path = data / "mnist_fashion" / kind / f"{name}-{what}-ubyte.gz"
        skip = 16 if what.startswith("images") else 8
        return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=skip)

    def part(name: str, first: int, last: int, seed: int) -> tuple[Tensor, Tensor]:
        garments = idx("fashion", name, "images-idx3").reshape(-1, 28, 28)
        digits = idx("mnist", name, "images-idx3").reshape(-1, 28, 28)
        kinds, figures = (idx(k, name, "labels-idx1") for k in ("fashion", "mnist"))
        partner = np.random.RandomState(seed).randint(0, len(digits), len(garments))[first:last]
        canvas = np.zeros((last - first, 36, 36), np.uint8)
        canvas[:, :28, :28] = garments[first:last]
        canvas[:, 8:, 8:] = np.maximum(canvas[:, 8:, 8:], digits[partner])
        labels = np.stack([kinds[first:last], figures[partner]], 1).astype(np.int64)
        return torch.from_numpy(canvas)[:, None].float() / 255, torch.from_numpy(labels)

    def net(tasks: int) -> nn.Module:
        trunk = nn.Sequential(
            nn.Conv2d(1, 10, 9), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2),
            nn.ReLU(), nn.Flatten(), nn.Linear(500, 50), nn.ReLU(),
        )  # fmt: skip
        heads = [
            nn.Sequential(nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 10)) for _ in range(tasks)
        ]
        return Heads(trunk, list(heads))

    return Problem(
        ("garment", "digit"), part("train", 0, 12_000, 0), part("train", 50_000, 55_000, 0),
        part("t10k", 0, 10_000, 1), net, F.cross_entropy,
        lambda output, label: float((output.argmax(1) == label).float().mean()), 128, 3,
    )  # fmt: skip


def census(data: Path) -> Problem:
    """Income and marriage from the other columns, categories as one-hot sums."""
    table = Table.of(data / "census_income/census_income.csv.gz").arrow.to_pandas()
    labels = np.stack(
        [table["income_50k"].str.startswith("50000+"), table["marital_stat"] == "Never married"], 1
    )
    split = table["split"].to_numpy()
    table = table.drop(columns=["income_50k", "marital_stat", "instance_weight", "split"])
    numbers = ["age", "wage_per_hour", "capital_gains", "capital_losses", "stock_dividends",
               "num_emp", "weeks_worked"]  # fmt: skip
    known, codes, sizes = split == "train", [], []
    for name in table.columns.difference(numbers):
        classes = {
            each: place for place, each in enumerate(sorted(set(table[name][known].astype(str))))
        }
        found = table[name].astype(str).map(classes).fillna(len(classes)).to_numpy(np.int64)
        codes.append(found + sum(sizes))
        sizes.append(len(classes) + 1)
    dense = np.log1p(table[numbers].to_numpy(np.float64))
    dense = (dense - dense[known].mean(0)) / dense[known].std(0)
    x = torch.cat(
        [torch.from_numpy(dense).float(), torch.from_numpy(np.stack(codes, 1)).float()], 1
    )
    y = torch.from_numpy(labels.astype(np.float32))

    class Trunk(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(sum(sizes), 8)
            self.net = nn.Sequential(
                nn.Linear(len(numbers) + 8 * len(sizes), 128),
                nn.ReLU(),
                nn.Linear(128, 64),
                nn.ReLU(),
            )

        def forward(self, x: Tensor) -> Tensor:
            cells = self.table(x[:, len(numbers) :].long()).flatten(1)
            return self.net(torch.cat([x[:, : len(numbers)], cells], 1))

    def net(tasks: int) -> nn.Module:
        heads = [
            nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)) for _ in range(tasks)
        ]
        return Heads(Trunk(), list(heads))

    def part(name: str) -> tuple[Tensor, Tensor]:
        rows = torch.from_numpy(split == name)
        return x[rows], y[rows]

    return Problem(
        ("income", "never_married"), part("train"), part("val"), part("test"), net,
        lambda output, label: F.binary_cross_entropy_with_logits(output[:, 0], label),
        lambda output, label: float(roc_auc_score(label.numpy(), output[:, 0].numpy())), 512, 3,
    )  # fmt: skip


def trained(problem: Problem, rule: Balancer, seed: int, rate: float) -> tuple[nn.Module, float]:
    """A net after all epochs, and the processor seconds that they took."""
    torch.manual_seed(seed)
    places = [problem.tasks.index(name) for name in rule.tasks]
    net = problem.net(len(places))
    own = list(rule.parameters())
    optimizer = torch.optim.Adam([*net.parameters(), *own], lr=rate)
    x, y = problem.train
    steps = problem.epochs * (len(x) // problem.batch)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
    begun = time.process_time()
    for _ in range(problem.epochs):
        order = torch.randperm(len(x))
        for rows in order[: len(x) // problem.batch * problem.batch].split(problem.batch):
            outputs, labels = net(x[rows]), y[rows]
            losses = {
                name: problem.loss(output, labels[:, place])
                for name, output, place in zip(rule.tasks, outputs, places, strict=True)
            }
            optimizer.zero_grad()
            backward(losses, rule)
            optimizer.step()
            plan.step()
        rule.end_epoch()
    return net.eval(), time.process_time() - begun


@torch.no_grad()
def scored(
    problem: Problem, net: nn.Module, tasks: tuple[str, ...], test: bool
) -> dict[str, float]:
    """The score of each task on test or validation rows."""
    x, y = problem.test if test else problem.valid
    outputs = net(x)
    return {
        name: problem.score(output, y[:, problem.tasks.index(name)])
        for name, output in zip(tasks, outputs, strict=True)
    }


def told(set_name: str, method: str, runs: list[dict[str, float]], **more: object) -> None:
    """Print a line."""
    line: dict = {"set": set_name, "method": method, "seeds": len(runs), **more}
    means = [fmean(run.values()) for run in runs]
    for name in [*runs[0], "mean"]:
        values = means if name == "mean" else [run[name] for run in runs]
        half = T95[len(values)] * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
        line[name] = {"mean": round(fmean(values), 4), "half": round(half, 4),
                      "runs": [round(value, 4) for value in values]}  # fmt: skip
    print(json.dumps(line), flush=True)


def tuned(problem: Problem, set_name: str) -> dict[str, tuple[dict[str, float], float]]:
    """Weights and rate of the best sum on validation rows, and those of the best plain one."""
    best: dict[str, tuple] = {}
    for rate in RATES:
        for share in SHARES:
            weights = dict(zip(problem.tasks, (share, 1 - share), strict=True))
            rule = Static(problem.tasks, weights=weights)
            net, _ = trained(problem, rule, 0, rate)
            score = fmean(scored(problem, net, problem.tasks, test=False).values())
            for name in ("tuned", *(["plain"] if share == 0.5 else [])):
                if name not in best or score > best[name][0]:
                    best[name] = (score, weights, rate)
    print(json.dumps({"set": set_name, "chosen": best}), flush=True)
    return {name: (weights, rate) for name, (_, weights, rate) in best.items()}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", choices=["census", "pairs"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="in place of 3")
    given = parser.parse_args()
    torch.set_num_threads(1)
    known = catalogue(balancing, Balancer)
    plain = sorted(name for name, kind in known.items() if not issubclass(kind, Wrapper))
    for name in given.sets:
        problem = {"census": census, "pairs": pairs}[name](given.data)
        problem = replace(problem, epochs=given.epochs or problem.epochs)
        rate = 1e-3
        if not given.only:
            for how, (weights, best) in tuned(problem, name).items():
                runs = []
                for seed in given.seed:
                    net, _ = trained(problem, Static(problem.tasks, weights=weights), seed, best)
                    runs.append(scored(problem, net, problem.tasks, test=True))
                called = {"tuned": "Static, tuned", "plain": "Sum, rate tuned"}[how]
                told(name, called, runs, weights=weights, rate=best)
            alone = []
            for seed in given.seed:
                found: dict[str, float] = {}
                for task in problem.tasks:
                    net, _ = trained(problem, Sum([task]), seed, rate)
                    found |= scored(problem, net, (task,), test=True)
                alone.append(found)
            told(name, "a net for each task", alone)
        for method in given.only or plain:
            runs, seconds = [], []
            for seed in given.seed:
                net, taken = trained(problem, known[method](problem.tasks), seed, rate)
                runs.append(scored(problem, net, problem.tasks, test=True))
                seconds.append(taken)
            told(name, method, runs, seconds=round(fmean(seconds), 1))


if __name__ == "__main__":
    main()
