import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from plait.training import steps
from plait.training._steps import useful


@pytest.mark.parametrize("rows", [1, 2, 7, 64, 65, 1000])
@pytest.mark.parametrize("size", [1, 3, 64, 5000])
def test_every_row_is_seen_once_in_steps_of_about_one_size(rows, size):
    seen = steps(rows, size, seed=3, epoch=2)
    assert sorted(torch.cat(seen).tolist()) == list(range(rows))
    lengths = [len(step) for step in seen]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    assert len(seen) == -(-rows // size)


def test_the_order_is_a_function_of_seed_and_epoch_alone():
    def order(seed, epoch):
        return torch.cat(steps(50, 7, seed, epoch)).tolist()

    torch.manual_seed(1)
    first = order(0, 0)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert order(0, 0) == first
    assert torch.equal(torch.get_rng_state(), state)
    others = [order(seed, epoch) for seed in (0, 1, 7, 10**30 + 1) for epoch in (0, 1, 2)]
    assert len({tuple(each) for each in others}) == len(others)


LENGTHS = st.lists(st.integers(0, 40), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 64), st.integers(0, 3))
def test_with_lengths_every_row_is_still_seen_once(lengths, size, epoch):
    found = steps(len(lengths), size, 5, epoch, lengths=torch.tensor(lengths))
    assert sorted(torch.cat(found).tolist()) == list(range(len(lengths)))
    plain = steps(len(lengths), size, 5, epoch)
    assert sorted(map(len, found)) == sorted(map(len, plain))


@given(LENGTHS, st.integers(1, 64), st.integers(1, 5), st.booleans())
def test_processes_share_each_step_without_overlap(lengths, size, world, bucket):
    by = torch.tensor(lengths) if bucket else None
    whole = steps(len(lengths), size, 1, 1, lengths=by)
    parts = [steps(len(lengths), size, 1, 1, lengths=by, rank=r, world=world) for r in range(world)]
    for step, share in zip(whole, zip(*parts, strict=True), strict=True):
        assert sorted(step.tolist()) == sorted(torch.cat(share).tolist())
        sizes = [len(each) for each in share]
        assert max(sizes) - min(sizes) <= 1


def test_batches_of_about_one_length_hold_little_padding():
    draw = np.random.default_rng(0)
    lengths = torch.from_numpy(np.clip(draw.lognormal(3.2, 0.95, 20_000), 1, 512).astype(int))
    assert useful(lengths, steps(20_000, 128, 0, 0)) < 0.25
    assert useful(lengths, steps(20_000, 128, 0, 0, lengths=lengths)) > 0.9


def test_batches_of_one_length_come_in_an_order_of_their_own_and_change_company():
    lengths = torch.arange(2_000)
    first, second = (steps(2_000, 10, 0, epoch, lengths=lengths) for epoch in (0, 1))
    means = [float(lengths[each].float().mean()) for each in first]
    assert means != sorted(means)
    mates = [{frozenset(each.tolist()) for each in epoch} for epoch in (first, second)]
    assert len(mates[0] & mates[1]) < 20  # of 200
