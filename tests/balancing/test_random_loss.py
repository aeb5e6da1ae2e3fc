import pytest
import torch

from plait.balancing import RandomLoss, Step


def draws(count, tasks=3, **options):
    balancer = RandomLoss([str(place) for place in range(tasks)], **options)
    step, found = Step(torch.ones(tasks).double(), torch.arange(tasks)), []
    for _ in range(count):
        found.append(balancer.weights(step))
        balancer.steps += 1
    return torch.stack(found)


def test_weights_are_shares():
    found = draws(20)
    assert found.sum(1).tolist() == pytest.approx([1] * 20, rel=1e-12)
    assert (found > 0).all()


def test_logits_are_normal():
    # Differences of two logits have a mean of 0 and a variance of 2; 4000 draws, so three
    # standard errors are 0.07 and 0.13.
    found = draws(4000, tasks=2).log()
    difference = found[:, 0] - found[:, 1]
    assert abs(float(difference.mean())) < 0.07
    assert abs(float(difference.var()) - 2) < 0.13
    assert abs(float((difference[1:] * difference[:-1]).mean())) < 0.1  # steps are apart


def test_in_the_mean_all_tasks_count_alike():
    assert draws(4000).mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_seeds_and_steps_are_told_apart():
    assert torch.equal(draws(4), draws(4))
    one, two = draws(4, seed=1), draws(4, seed=2)
    every = torch.cat([draws(4), one, two])
    assert len({tuple(each.tolist()) for each in every}) == 12
