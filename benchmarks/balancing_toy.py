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

import numpy as np
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


def slopes(x: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Both objectives and their gradients, by hand: autograd would be most of the time.

    Args:
        x: ``[points, 2]``.
        scale: Of the first objective.

    Returns:
        ``[points, 2]`` and ``[points, 2, 2]``: point, objective, direction.
    """
    one, two = x.T
    bend, steep = np.tanh(two / 2), np.tanh(two)
    upper, lower = np.maximum(bend, 0), np.maximum(-bend, 0)
    rise = (1 - bend**2) / 2
    values, grads = [], []
    for sign, offset, center in ((1, -7, 7), (-1, 7, -7)):
        inside = (offset - one) / 2 + sign * steep
        log = np.log(np.maximum(np.abs(inside), 5e-6)) + 6
        share = np.where(np.abs(inside) > 5e-6, 1 / inside, 0)
        bowl = ((center - one) ** 2 + 0.1 * (two + 8) ** 2) / 10 - 20
        values.append(log * upper + bowl * lower)
        along = -share / 2 * upper - (center - one) / 5 * lower
        across = share * sign * (1 - steep**2) * upper + log * rise * (bend >= 0)
        across = across + (two + 8) / 50 * lower - bowl * rise * (bend <= 0)
        grads.append(np.stack([along, across], 1))
    size = np.array([scale, 1.0])
    return (np.stack(values, 1) + LOW) * size, np.stack(grads, 1) * size[:, None]


def arrive(name: str, steps: int, scale: float) -> dict:
    """Where a method ends from each start."""
    made = catalogue(balancing, Balancer)[name]
    rules = [made(TASKS) for _ in STARTS]
    own = [each for rule in rules for each in rule.parameters()]
    learner = torch.optim.Adam(own, lr=1e-3) if own else None
    x, index, begun = np.array(STARTS), torch.arange(2), time.process_time()
    first, second = np.zeros_like(x), np.zeros_like(x)
    for step in range(1, steps + 1):
        if learner:
            learner.zero_grad()
        losses, rows = slopes(x, scale)
        grad = np.stack(
            [
                _direction(rule, torch.from_numpy(loss), torch.from_numpy(row), index).numpy()
                for rule, loss, row in zip(rules, losses, rows, strict=True)
            ]
        )
        first, second = 0.9 * first + 0.1 * grad, 0.999 * second + 0.001 * grad**2
        x = x - 1e-3 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        if learner:
            learner.step()
    there = [abs(two - FRONT) < 0.1 and abs(one) <= 7.1 for one, two in x.tolist()]
    return {
        "method": name,
        "there": sum(there),
        "missed": [start for start, well in zip(STARTS, there, strict=True) if not well],
        "ends": x.round(2).tolist(),
        "seconds": round(time.process_time() - begun, 1),
    }


def check() -> None:
    """Refuse to run with slopes that autograd does not agree with."""
    x = torch.randn(1000, 2, dtype=torch.float64).mul(6).requires_grad_()
    losses = objectives(x, 0.1)
    rows = [torch.autograd.grad(losses[:, task].sum(), x, retain_graph=True)[0] for task in (0, 1)]
    values, grads = slopes(x.detach().numpy(), 0.1)
    assert np.allclose(values, losses.detach().numpy())
    assert np.allclose(grads, torch.stack(rows, 1).numpy())


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
    check()
    for name in given.names or known:
        print(json.dumps(arrive(name, given.steps, given.scale)), flush=True)


if __name__ == "__main__":
    main()
