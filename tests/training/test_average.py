"""The averaged weights and buffers."""

import torch
from torch import nn

from plait.training._average import Average


def test_statistics_of_a_norm_over_the_batch_are_followed():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = Average(net, 0.9)
    for _ in range(5):
        net(torch.randn(16, 3) + 2)
        assert any(each is net[1].running_mean for each in average.changed())
        average.update_parameters(net)
    kept = average.module[1]
    assert torch.equal(kept.running_mean, net[1].running_mean)
    assert torch.equal(kept.running_var, net[1].running_var)
    assert kept.num_batches_tracked == 5


def test_tables_that_never_change_are_not_copied():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
    net.register_buffer("table", torch.ones(3))
    average = Average(net, 0.9)
    average.update_parameters(net)
    assert average.changed() == []
