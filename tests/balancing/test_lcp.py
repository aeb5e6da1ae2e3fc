"""The solver below UPGrad, DualProj and MGDA."""

import pytest
import torch

from plait.balancing._lcp import complementary, scaled, unscaled

from .gradients import DECADES, gradients


def residual(matrix, given, x):
    """How far from complementary, relative to the numbers that are added up."""
    slack = x @ matrix - given
    size = given.abs().amax(1, keepdim=True) + x.abs().amax(1, keepdim=True)
    negative = torch.maximum(-x, -slack).clamp(min=0)
    return float((torch.maximum(negative, torch.minimum(x.abs(), slack.abs())) / size).max())


@pytest.mark.parametrize("numbers", [40, 16, 12, 5])
@pytest.mark.parametrize("tasks", [1, 2, 3, 8, 16])
def test_complementary_in_every_place(tasks, numbers):
    for seed in range(5):
        rows = gradients(tasks, numbers, DECADES, seed)
        lengths, cosines = scaled(rows @ rows.T)
        given = torch.cat([-cosines, -(cosines @ lengths)[None], cosines])
        x = complementary(cosines, given)
        assert bool((x >= 0).all())
        assert residual(cosines, given, x) <= 1e-11


def test_equal_and_opposed_rows_are_kept_apart():
    rows = gradients(3, 10, 0.0, 0)
    for more in (rows, 2 * rows, -rows[:1]):
        _, cosines = scaled(torch.cat([rows, more]) @ torch.cat([rows, more]).T)
        x = complementary(cosines, -cosines)
        assert bool(x.isfinite().all())
        assert residual(cosines, -cosines, x) <= 1e-11


def test_by_hand():
    matrix = torch.tensor([[1.0, -0.5], [-0.5, 1.0]], dtype=torch.float64)
    given = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([[1.0, 0.0], [0.0, 0.0], [2.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(complementary(matrix, given), expected, rtol=1e-12, atol=0)


def test_each_problem_is_solved_as_if_alone():
    rows = gradients(6, 7, DECADES, 3)
    _, cosines = scaled(rows @ rows.T)
    together = complementary(cosines, -cosines)
    alone = torch.cat([complementary(cosines, -row[None]) for row in cosines])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-15)


def test_lengths_are_taken_out_and_put_back():
    rows = torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]], dtype=torch.float64)
    lengths, cosines = scaled(rows @ rows.T)
    assert lengths.tolist() == [5, 0, 2]
    assert cosines.tolist() == [[1, 0, -0.8], [0, 1, 0], [-0.8, 0, 1]]
    assert unscaled(lengths, lengths).tolist() == [1, 0, 1]


@pytest.mark.slow
def test_rounds_never_run_out():
    for seed in range(3000):
        tasks = 2 + seed % 15
        rows = gradients(tasks, max(2, tasks - seed % 5), DECADES, seed)
        if seed % 3 == 0:
            rows[-1] = -rows[0] + 10.0 ** -(seed % 12) * rows[-1]
        _, cosines = scaled(rows @ rows.T)
        x = complementary(cosines, -cosines)
        assert residual(cosines, -cosines, x) <= 1e-10, seed
