"""AlignedMTL against the polar decomposition in eighty digits."""

from decimal import Decimal, getcontext

import pytest
import torch

from plait.balancing import AlignedMTL

from .gradients import DECADES, balancer, close, gradients, mixed, step, unchecked


def inverse(rows):
    """Gauss and Jordan, on decimal numbers."""
    size = len(rows)
    work = [[*row, *(Decimal(place == at) for at in range(size))] for place, row in enumerate(rows)]
    for at in range(size):
        best = max(range(at, size), key=lambda place: abs(work[place][at]))
        work[at], work[best] = work[best], work[at]
        work[at] = [each / work[at][at] for each in work[at]]
        for place in range(size):
            if place != at:
                by = work[place][at]
                work[place] = [a - by * b for a, b in zip(work[place], work[at], strict=True)]
    return [row[size:] for row in work]


def inverse_root(rows):
    """The inverse root of the Gramian: Denman and Beavers on the Gramian."""
    getcontext().prec = 80
    numbers = [[Decimal(each) for each in row] for row in rows.tolist()]
    size = range(len(numbers))
    y = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in numbers] for p in numbers]
    z = [[Decimal(i == j) for j in size] for i in size]
    for _ in range(110):
        y_back, z_back = inverse(y), inverse(z)
        y, z = (
            [[(a + b) / 2 for a, b in zip(p, q, strict=True)] for p, q in zip(m, n, strict=True)]
            for m, n in ((y, z_back), (z, y_back))
        )
    return z


@pytest.mark.parametrize("tasks", [2, 3, 4])
def test_in_eighty_digits(tasks):
    rows = gradients(tasks, 6, DECADES, tasks)
    exact = inverse_root(rows)
    sums = torch.tensor([float(sum(row)) for row in exact], dtype=torch.float64)
    found = balancer(AlignedMTL, tasks).weights(step(rows))
    # Relative, for the least singular value is a common factor.
    torch.testing.assert_close(found / found[0], sums / sums[0], rtol=1e-9, atol=0)
    whole = torch.tensor([[float(each) for each in row] for row in exact], dtype=torch.float64)
    least = 1 / torch.linalg.eigvalsh(whole)[-1]
    torch.testing.assert_close(found, sums * least, rtol=1e-9, atol=0)


def test_two_tasks_by_hand():
    rows = gradients(2, 5, DECADES, 0)
    gramian = rows @ rows.T
    units = rows / rows.norm(dim=1, keepdim=True)
    cosine = units[0] @ units[1]
    area = rows.norm(dim=1).prod() * ((1 - cosine) * (1 + cosine)).sqrt()
    trace = gramian.trace()
    # The root of G is (G + area) / sqrt(trace + 2 area); its inverse turns that around.
    other = torch.stack([gramian[1, 1] - gramian[0, 1], gramian[0, 0] - gramian[0, 1]])
    roots = (other + area) / (area * (trace + 2 * area).sqrt())
    least = area / ((trace + ((trace - 2 * area) * (trace + 2 * area)).sqrt()) / 2).sqrt()
    assert close(mixed(AlignedMTL, rows), (roots * least) @ rows)


@pytest.mark.parametrize("scale", ["min", "median", "rmse"])
def test_as_published_where_gradients_are_alike_in_length(scale):
    for tasks in (2, 5, 8):
        rows = gradients(tasks, 20, 1.0, tasks)
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        size = {"min": values.min(), "median": values.median(), "rmse": values.mean()}[scale]
        expected = (vectors / values.sqrt()) @ vectors.T.sum(1) * size.sqrt()
        found = balancer(AlignedMTL, tasks, scale=scale).weights(step(rows))
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_dependent_ones_as_published():
    rows = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    # Of the first two one direction of length 2 * sqrt(2) is left, of the last one of length 3.
    size = {"min": 8**0.5, "median": 8**0.5, "rmse": 8.5**0.5}
    for scale, length in size.items():
        way = torch.tensor([2**0.5, 1.0], dtype=torch.float64) * length
        assert close(mixed(AlignedMTL, rows, scale=scale), way)


def test_a_scale_is_one_of_three():
    with unchecked(), pytest.raises(ValueError, match="`scale` of AlignedMTL"):
        AlignedMTL(["a"], scale="max")
