"""Whether the rules of `plait.balancing.diagnose` hold: what it says beside what methods reach.

python -m benchmarks.balancing_rules [PROBLEM ...] [--seeds 3] [--steps 200] [--method ...]

Each problem is made up, so that what is wrong with it is known. The sum is trained once with a
`Diagnosis` that looks on; then every method at each learning rate, and each task alone. The error
of a task is its mean squared error over the variance of its labels on new rows (0 is perfect, 1
knows nothing); rates and static weights are chosen on validation rows, what is shown is of test
rows.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import torch
from torch import Tensor, nn

from plait import balancing
from plait.balancing import Auto, Balancer, Diagnosis, Findings, Sum, backward

RATES = (5e-3, 2e-2)
METHODS = ("Log", "FAMO", "NashMTL")
ROWS, BATCH, INPUTS = 1_000, 64, 8


@dataclass(frozen=True)
class Problem:
    """Rows, labels, and a network for them.

    Args:
        inputs: Of training, validation and test rows.
        labels: Likewise, a column of about unit variance for each task.
        factors: What the loss of each task is multiplied by, as by other units.
        width: Of the last shared layer.
        heads: Whether tasks have heads of their own; if not, all read one output.
    """

    inputs: tuple[Tensor, Tensor, Tensor]
    labels: tuple[Tensor, Tensor, Tensor]
    factors: tuple[float, ...]
    width: int = 32
    heads: bool = True

    @property
    def tasks(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(f"t{place}" for place in range(self.labels[0].shape[1]))


class Net(nn.Module):
    """A shared trunk with a linear head for each task, or one for all."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        count = len(problem.tasks)
        self.trunk = nn.Sequential(
            nn.Linear(INPUTS, 48), nn.ReLU(), nn.Linear(48, problem.width), nn.ReLU()
        )
        heads = count if problem.heads else 1
        self.heads = nn.ModuleList(nn.Linear(problem.width, 1) for _ in range(heads))
        self.count = count

    def forward(self, x: Tensor) -> list[Tensor]:
        """An answer for each task."""
        features = self.trunk(x)
        answers = [head(features).squeeze(1) for head in self.heads]
        return answers if len(answers) == self.count else answers * self.count


def waves(x: Tensor, direction: Tensor) -> Tensor:
    """A curved function of one direction, about of variance 1."""
    along = x @ direction
    return (1.5 * along).sin() + 0.5 * (3 * along).cos()


def made(
    seed: int,
    alike: float,
    scales: Sequence[float],
    signs: Sequence[float] | None = None,
    noise: float = 0.1,
    width: int = 32,
    heads: bool = True,
) -> Problem:
    """Tasks whose directions have a cosine of `alike`, and losses that differ by `scales`."""
    chance = torch.Generator().manual_seed(seed)
    count = len(scales)
    basis = torch.linalg.qr(torch.randn(INPUTS, INPUTS, generator=chance))[0]
    common = basis[:, 0]
    own = torch.randn(count, INPUTS, generator=chance)
    own -= (own @ common)[:, None] * common
    own /= own.norm(dim=1, keepdim=True)
    directions = alike**0.5 * common + (1 - alike) ** 0.5 * own
    parts = []
    for _ in range(3):
        x = torch.randn(ROWS, INPUTS, generator=chance)
        clean = torch.stack([waves(x, each) for each in directions], 1)
        clean = clean + noise * torch.randn(ROWS, count, generator=chance)
        sign = torch.tensor(signs or [1.0] * count)
        parts.append((x, clean * sign))
    inputs, labels = zip(*parts, strict=True)
    return Problem(inputs, labels, tuple(map(float, scales)), width, heads)


PROBLEMS: Mapping[str, Callable[[int], Problem]] = {
    "similar": lambda seed: made(seed, 0.9, [1, 1, 1]),
    "small gap": lambda seed: made(seed, 0.5, [0.5, 1, 2]),
    "gap": lambda seed: made(seed, 0.5, [0.2, 1, 5]),
    "units": lambda seed: made(seed, 0.5, [0.01, 1, 100]),
    "one output": lambda seed: made(seed, 0.3, [1, 1, 1], heads=False),
    "one output, gap": lambda seed: made(seed, 0.3, [0.2, 1, 5], heads=False),
    "bottleneck": lambda seed: made(seed, 0.0, [1, 1, 1], width=2),
    "opposed": lambda seed: made(seed, 0.95, [1, 1], [1, -1], heads=False),
    "many, units": lambda seed: made(seed, 0.5, [10 ** (k / 4 - 2) for k in range(17)]),
}


def errors(problem: Problem, net: Net, part: int) -> list[float]:
    """The error of each task on one part of the rows."""
    with torch.no_grad():
        answers = torch.stack(net(problem.inputs[part]), 1)
    labels = problem.labels[part]
    return ((answers - labels).square().mean(0) / labels.var(0)).tolist()


def train(
    problem: Problem,
    balancer: Balancer,
    rate: float,
    steps: int,
    seed: int,
    only: int | None = None,
    watch: Diagnosis | None = None,
) -> Net:
    """Train with Adam; the rate falls to zero."""
    torch.manual_seed(seed)
    net = Net(problem)
    adam = torch.optim.Adam([*net.parameters(), *balancer.parameters()], rate, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.01, steps)
    x, y = problem.inputs[0], problem.labels[0]
    chance = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = torch.randint(ROWS, (BATCH,), generator=chance)
        answers = net(x[batch])
        losses = {
            task: problem.factors[place] * (answers[place] - y[batch, place]).square().mean()
            for place, task in enumerate(problem.tasks)
            if only is None or only == place
        }
        if watch:
            watch.look(losses)
        adam.zero_grad()
        if isinstance(balancer, Sum):  # the same, and quicker
            sum(
                w * loss for w, loss in zip(balancer.fixed, losses.values(), strict=False)
            ).backward()
        else:
            backward(losses, balancer, at=None if balancer.needs == "losses" else "auto")
        adam.step()
        schedule.step()
    return net


def contestants(problem: Problem, told: Findings) -> dict[str, list[Callable[[], Balancer]]]:
    """Methods by name; of several in one row, the best on validation rows."""
    tasks = problem.tasks
    scale = torch.tensor(problem.factors)
    powers = (0.0, 0.5, 1.0)
    static = [dict(zip(tasks, (scale**-power).tolist(), strict=True)) for power in powers]
    for up in range(len(tasks) if len(tasks) <= 3 else 0):
        raw = 1 / scale
        raw[up] *= 3
        static.append(dict(zip(tasks, raw.tolist(), strict=True)))
    lengths = {t: 1 / max(v or 0.0, 1e-9) for t, v in zip(tasks, told.lengths, strict=True)}
    rows: dict[str, list[Callable[[], Balancer]]] = {
        "Sum": [lambda: Sum(tasks)],
        "tuned static": [lambda w=w: Sum(tasks, weights=w) for w in static],
        "1 / length": [lambda: Sum(tasks, weights=lengths)],
    }
    for name in METHODS:
        kind = getattr(balancing, name)
        rows[name] = [lambda kind=kind: kind(tasks)]
    rows["Auto"] = [lambda: Auto(tasks, probe=40)]
    return rows


def tried(name: str, seeds: int, steps: int, methods: Sequence[str]) -> None:
    """The sum and other methods (all, if none is named) on one problem; a line for each."""
    problems = [PROBLEMS[name](seed) for seed in range(seeds)]
    began, told = time.process_time(), []
    for seed, problem in enumerate(problems):
        watch = Diagnosis(problem.tasks, every=5)
        train(problem, Sum(problem.tasks), RATES[1], steps // 2, seed, watch=watch)
        told.append(watch.report())
    print(f"\n## {name}", flush=True)
    for found in told:
        print(
            f"ratio {found.norm_ratio:.3g}, conflicts {found.conflict_rate:.0%}, condition "
            f"{found.condition:.3g}, least to mean {min(each or 0 for each in found.to_mean):.2f}. "
            f"{found.sentence}"
        )
    reached: dict[str, list[float]] = {}
    rate = RATES[1]
    for method in contestants(problems[0], told[0]):
        if methods and method not in ("Sum", *methods):
            continue
        scores: dict[tuple[int, float], list[tuple[float, float]]] = {}
        for seed, problem in enumerate(problems):
            for at, build in enumerate(contestants(problem, told[seed])[method]):
                for each in (rate,) if method == "tuned static" else RATES:
                    net = train(problem, build(), each, steps, seed)
                    pair = fmean(errors(problem, net, 1)), fmean(errors(problem, net, 2))
                    scores.setdefault((at, each), []).append(pair)
        best = min(scores, key=lambda key: fmean(valid for valid, _ in scores[key]))
        if method == "Sum":
            rate = best[1]  # static weights are tuned at this one
        reached[method] = [test for _, test in scores[best]]
        show(method, reached)
    if not methods:
        reached["alone"] = []
        for seed, problem in enumerate(problems):
            nets = [
                train(problem, Sum(problem.tasks), rate, steps, seed, only=place)
                for place in range(len(problem.tasks))
            ]
            each = [errors(problem, net, 2)[place] for place, net in enumerate(nets)]
            reached["alone"].append(fmean(each))
        show("alone", reached)  # at the rate of the sum
    print(f"{time.process_time() - began:.0f} s of one core", flush=True)


def show(method: str, reached: Mapping[str, Sequence[float]]) -> None:
    """One line: the error, and by how much it is less than that of the sum, seed by seed."""
    gains = [one - other for one, other in zip(reached["Sum"], reached[method], strict=True)]
    spread = stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
    error = fmean(reached[method])
    print(f"{method:14} {error:.3f}  gain {fmean(gains):+.3f} ± {spread:.3f}", flush=True)


def main() -> None:
    """From the command line to the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("problem", nargs="*", choices=[[], *PROBLEMS], default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--method", nargs="*", default=())
    said = parser.parse_args()
    torch.set_num_threads(1)
    for name in said.problem or PROBLEMS:
        tried(name, said.seeds, said.steps, said.method)


if __name__ == "__main__":
    main()
