import math

import pytest
import torch

from plait.data import Masked
from plait.pretraining import fingerprints


@pytest.mark.parametrize(
    "values",
    [
        torch.tensor([3, 4, 3]),
        torch.tensor([[1.5, 2.0], [1.5, 2.1], [1.5, 2.0]]),
        torch.tensor([[1.5, 2.0], [2.0, 1.5], [1.5, 2.0]], dtype=torch.float64),
        torch.stack([torch.zeros(3, 4, 4), torch.eye(4).expand(3, 4, 4), torch.zeros(3, 4, 4)]).to(
            torch.uint8
        ),
    ],
)
def test_the_same_cells_have_the_same_number(values):
    one, two, three = fingerprints(Masked(values, torch.ones(3).bool())).tolist()
    assert one == three != two


def test_what_is_masked_has_no_say():
    values = torch.tensor([[1.0, math.nan], [1.0, 7.0]])
    mask = torch.tensor([[True, False], [True, False]])
    one, two = fingerprints(Masked(values, mask)).tolist()
    assert one == two


def test_padding_has_no_say_and_a_hole_has():
    short = Masked(torch.tensor([[5, 6]]), torch.ones(1, 2).bool())
    longer = Masked(torch.tensor([[5, 6, 0]]), torch.tensor([[True, True, False]]))
    zero = Masked(torch.tensor([[5, 6, 0]]), torch.ones(1, 3).bool())
    assert fingerprints(short) == fingerprints(longer)
    assert fingerprints(longer) != fingerprints(zero)


def test_many_different_cells_stay_apart():
    values = torch.randint(0, 3, (2000, 40))
    found = fingerprints(Masked(values, torch.ones(2000, 40).bool()))
    assert len(found.unique()) == len(values.unique(dim=0))
