"""Gradients to weigh, and what became of them."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping
import torch
from torch import Tensor

from plait.balancing import Balancer, Step

DECADES = 12.0


def gradients(tasks: int, numbers: int, decades: float, seed: int) -> Tensor:
    """Rows in random directions, with lengths that spread over so many powers of ten."""
    source = torch.Generator().manual_seed(seed)
    rows = torch.randn(tasks, numbers, generator=source, dtype=torch.float64)
    lots = torch.rand(tasks, generator=source, dtype=torch.float64)
    if tasks > 1:
        lots = (lots - lots.min()) / (lots.max() - lots.min())
    return rows / rows.norm(dim=1, keepdim=True) * 10 ** (decades * (lots - 0.5))[:, None]


def step(rows: Tensor, index: list[int] | None = None, losses: list[float] | None = None) -> Step:
    """The step that has these gradients."""
    tasks = len(rows)
    return Step(
        torch.tensor(losses or [1.0 + place for place in range(tasks)], dtype=torch.float64),
        torch.tensor(index if index is not None else range(tasks)),
        rows @ rows.T,
        rows,
    )


def balancer(kind: type[Balancer], tasks: int, **options: object) -> Balancer:
    return kind([str(place) for place in range(tasks)], **options)


def weighed(kind: type[Balancer], rows: Tensor, **options: object) -> Tensor:
    """What each gradient adds to the result, in units of its own length."""
    return balancer(kind, len(rows), **options).weights(step(rows)) * rows.norm(dim=1)


def mixed(kind: type[Balancer], rows: Tensor, **options: object) -> Tensor:
    """The weighted sum."""
    return balancer(kind, len(rows), **options).weights(step(rows)) @ rows


def close(found: Tensor, expected: Tensor, within: float = 1e-9) -> bool:
    """Whether two vectors differ by no more than that part of the longer one."""
    return bool((found - expected).norm() <= within * max(found.norm(), expected.norm()))


def subsets(size: int) -> list[list[int]]:
    places = range(size)
    return [list(some) for many in range(size + 1) for some in itertools.combinations(places, many)]


def projected(rows: Tensor, given: Tensor) -> Tensor:
    """The nearest point that conflicts with no row, by trying all sets of rows that bound it."""
    units = rows / rows.norm(dim=1, keepdim=True)
    best, least = torch.zeros_like(given), torch.inf
    for some in subsets(len(rows)):
        point = given
        if some:
            span = torch.linalg.qr(units[some].T)[0]
            point = point - span @ (span.T @ point)
            point = point - span @ (span.T @ point)
        far = float((point - given).norm())
        if far < least and bool((units @ point >= -1e-13 * given.norm()).all()):
            best, least = point, far
    return best


def shortest(rows: Tensor) -> Tensor:
    """The shortest mean of rows, by trying all sets of rows that it may be made of."""
    lengths = rows.norm(dim=1)
    units = rows / lengths[:, None]
    best, least = torch.zeros_like(rows[0]), torch.inf
    for some in subsets(len(rows))[1:]:
        inverse = 1 / lengths[some]
        parts = torch.linalg.solve(units[some] @ units[some].T, inverse)
        if bool((parts >= 0).all()):
            point = parts @ units[some] / (parts @ inverse)
            if float(point.norm()) < least:
                best, least = point, float(point.norm())
    return best


@contextmanager
def unchecked() -> Iterator[None]:
    """Without the checks of types, which outside of tests there are none of."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
