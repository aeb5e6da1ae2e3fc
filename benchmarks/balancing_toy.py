"""Two objectives of two numbers: where each balancer arrives from six starts.

python -m benchmarks.balancing_toy [NAME ...] [--steps 35000] [--scale 0.1]

The first objective is a tenth as large as the second. Between the starts and the Pareto front, the
line from (-7, -8.36) to (7, -8.36), lie two valleys of logarithms. Adam at 1e-3, one line of JSON a
method. Problem and starts: Navon et al., ICML 2022, after Liu et al., NeurIPS 2021; the sixth start
is one of the latter. Losses are moved above zero, which only methods that divide by them can see.
"""

import argparse
import json
import time

import torch
from torch import Tensor

from plait import balancing
from plait._catalogue import catalogue
from plait.balancing import Balancer, Step

STARTS = [(-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0), (-8.5, -5.0)]
FRONT, LOW = -8.3552, 21.0
TASKS = ("one", "two")


def objectives(x: Tensor, scale: float) -> Tensor:
    """Both objectives for each of some points, ``[points, 2]``."""
    one, two = x.unbind(1)
    bend = torch.tanh(two / 2)
    upper, lower = bend.clamp(min=0), (-bend).clamp(min=0)
    steep = torch.tanh(-two)
    log_one = ((-one - 7) / 2 - steep).abs().clamp(min=5e-6).log() + 6
    log_two = ((-one + 3) / 2 + steep + 2).abs().clamp(min=5e-6).log() + 6
    bowl = 0.1 * (-two - 8).square()
    first = log_one * upper + (((-one + 7).square() + bowl) / 10 - 20) * lower
    second = log_two * upper + (((-one - 7).square() + bowl) / 10 - 20) * lower
    return torch.stack([scale * (first + LOW), second + LOW], 1)


def arrive(name: str, steps: int, scale: float) -> dict:
    """Where a method ends from each start."""
    made = catalogue(balancing, Balancer)[name]
    rules = [made(TASKS) for _ in STARTS]
    x = torch.tensor(STARTS, dtype=torch.float64, requires_grad=True)
    own = [each for rule in rules for each in rule.parameters()]
    groups = [{"params": [x]}, *([{"params": own}] if own else [])]
    optimizer = torch.optim.Adam(groups, lr=1e-3)
    index, begun = torch.arange(2), time.process_time()
    for _ in range(steps):
        optimizer.zero_grad()
        losses = objectives(x, scale)
        rows = torch.stack(
            [torch.autograd.grad(losses[:, task].sum(), x, retain_graph=task == 0)[0]
             for task in (0, 1)], 1
        )  # fmt: skip
        x.grad = torch.stack(
            [
                _direction(rule, each.detach(), row, index)
                for rule, each, row in zip(rules, losses, rows, strict=True)
            ]
        )
        optimizer.step()
    there = [abs(two - FRONT) < 0.1 and abs(one) <= 7.1 for one, two in x.detach().tolist()]
    return {
        "method": name,
        "there": sum(there),
        "missed": [start for start, well in zip(STARTS, there, strict=True) if not well],
        "ends": [[round(value, 2) for value in each] for each in x.detach().tolist()],
        "seconds": round(time.process_time() - begun, 1),
    }


@torch.no_grad()
def _direction(rule: Balancer, losses: Tensor, rows: Tensor, index: Tensor) -> Tensor:
    if rule.needs == "losses":
        step = Step(losses, index)
    else:
        step = Step(losses, index, rows @ rows.T, rows if rule.needs == "jacobian" else None)
    if rule.due() or not rule.known:
        weights = rule.weights(step)
        rule.held[:], rule.known = weights, frozenset((0, 1))
    else:
        weights = rule.held
    direction = rule.direction(step)
    rule.steps += 1
    return weights @ rows if direction is None else direction


def main() -> None:
    """Run from the command line."""
    known = sorted(catalogue(balancing, Balancer))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--steps", type=int, default=35_000)
    parser.add_argument("--scale", type=float, default=0.1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.names or known:
        print(json.dumps(arrive(name, given.steps, given.scale)), flush=True)


if __name__ == "__main__":
    main()
