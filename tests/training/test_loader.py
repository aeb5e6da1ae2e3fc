import pytest
import torch

from plait.training import steps
from plait.training._loader import held_back


@pytest.mark.parametrize("rows", [1, 2, 7, 64, 65, 1000])
@pytest.mark.parametrize("size", [1, 3, 64, 5000])
def test_every_row_is_seen_once_in_steps_of_about_one_size(rows, size):
    seen = list(steps(rows, size, seed=3, epoch=2))
    assert sorted(torch.cat(seen).tolist()) == list(range(rows))
    lengths = [len(step) for step in seen]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    assert len(seen) == -(-rows // size)


def test_the_order_is_a_function_of_seed_and_epoch_alone():
    def order(seed, epoch):
        return torch.cat(list(steps(50, 7, seed, epoch))).tolist()

    torch.manual_seed(1)
    first = order(0, 0)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert order(0, 0) == first
    assert torch.equal(torch.get_rng_state(), state)
    others = [order(seed, epoch) for seed in (0, 1, 7, 10**30 + 1) for epoch in (0, 1, 2)]
    assert len({tuple(each) for each in others}) == len(others)


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.89])
def test_a_row_is_either_trained_on_or_held_back(rows, share):
    train, held = held_back(rows, share, seed=0)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(rows))
    assert len(train) >= 1
    assert len(held) == min(round(share * rows), rows - 1)
    assert (train[1:] > train[:-1]).all()
    again = held_back(rows, share, seed=0)
    assert (again[0] == train).all()


def test_no_more_is_held_back_than_choosing_needs():
    train, held = held_back(200_000, 0.1, seed=0)
    assert (len(train), len(held)) == (190_000, 10_000)
