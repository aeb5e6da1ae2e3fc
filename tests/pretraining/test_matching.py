import math

import pytest
import torch

from plait.data import Masked
from plait.pretraining import InfoNCE, Matching, SigLIP


def cells(rows: list[list[list[float]]], mask: list[list[bool]]) -> Masked:
    return Masked(torch.tensor(rows), torch.tensor(mask))


def plain(sides, loss=None) -> Matching:
    """The vectors themselves, not projected."""
    module = Matching(sides, 2, loss or InfoNCE(temperature=1.0), size=2)
    for project in module.projections:
        project.weight.data = torch.eye(2)
    return module


A = cells([[[1.0, 0.0], [1.0, 2.0]], [[0.0, 1.0], [9.0, 9.0]], [[1.0, 1.0], [9.0, 9.0]]],
          [[True, True], [True, False], [True, False]])  # fmt: skip
B = cells([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 5.0]]], [[True], [True], [True]])
C = cells([[[1.0, 0.0]], [[9.0, 9.0]], [[9.0, 9.0]]], [[True], [False], [False]])
VECTORS = {
    "a": [(1.0, 1.0), (0.0, 1.0), (1.0, 1.0)],  # the mean of each row's tokens that are there
    "b": [(1.0, 0.0), (0.0, 1.0), (0.0, 5.0)],
}


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def by_hand(one, other, strangers=lambda row, at: True) -> float:
    total = 0.0
    for row in range(len(one)):
        others = [at for at in range(len(one)) if at == row or strangers(row, at)]
        own = math.exp(cosine(one[row], other[row]))
        there = sum(math.exp(cosine(one[row], other[at])) for at in others)
        back = sum(math.exp(cosine(one[at], other[row])) for at in others)
        total -= (math.log(own / there) + math.log(own / back)) / 2 / len(one)
    return total


def test_tokens_are_averaged_and_compared():
    found = plain([["a"], ["b"]])({"a": A, "b": B})
    assert found.item() == pytest.approx(by_hand(VECTORS["a"], VECTORS["b"]), rel=1e-5)


def test_a_pair_of_which_one_row_is_there_is_absent():
    alone = plain([["a"], ["b"]])({"a": A, "b": B})
    three = plain([["a"], ["b"], ["c"]])({"a": A, "b": B, "c": C})
    assert torch.allclose(three, alone)


def test_the_loss_is_the_mean_over_pairs():
    pairs = [plain([[one], [two]])({"a": A, "b": B, "d": A}) for one, two in ("ab", "ad", "bd")]
    found = plain([["a"], ["b"], ["d"]])({"a": A, "b": B, "d": A})
    assert torch.allclose(found, torch.stack(pairs).mean())


def test_nothing_to_compare_is_a_loss_of_zero():
    found = plain([["c"], ["b"]])({"b": B, "c": C})
    found.backward()
    assert found == 0


def test_inputs_of_a_side_are_averaged_over_those_that_are_there():
    together = [
        tuple((x + y) / 2 for x, y in zip(VECTORS["b"][0], (1.0, 0.0), strict=True)),
        *VECTORS["b"][1:],
    ]
    found = plain([["a"], ["b", "c"]])({"a": A, "b": B, "c": C})
    assert found.item() == pytest.approx(by_hand(VECTORS["a"], together), rel=1e-5)


@pytest.mark.parametrize("same", ["a", "b"])
def test_rows_alike_on_either_side_are_not_held_against_each_other(same):
    keys = {name: torch.tensor([1, 2, 1] if name == same else [4, 5, 6]) for name in "ab"}
    found = plain([["a"], ["b"]])({"a": A, "b": B}, keys)
    expected = by_hand(VECTORS["a"], VECTORS["b"], lambda row, at: {row, at} != {0, 2})
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_inputs_of_a_side_are_alike_only_together():
    keys = {
        "a": torch.tensor([1, 2, 3]),
        "b": torch.tensor([7, 8, 7]),
        "c": torch.tensor([1, 1, 2]),
    }
    module = plain([["a"], ["b", "c"]])
    parts = {"a": A, "b": B, "c": C}
    assert torch.equal(module(parts, keys), module(parts))
    keys["c"] = torch.tensor([1, 1, 1])
    assert module(parts, keys) < module(parts)


def test_the_size_of_the_vectors():
    module = Matching([["a"], ["b"]], 2, SigLIP(), size=7)
    assert [list(project.weight.shape) for project in module.projections] == [[7, 2], [7, 2]]


@pytest.mark.parametrize("sides", [[], [["a"]], [["a"], []], [["a"], ["a", "b"]]])
def test_sides_that_cannot_be_compared_are_refused(sides):
    with pytest.raises(ValueError, match="at least two sides"):
        Matching(sides, 2, InfoNCE())
