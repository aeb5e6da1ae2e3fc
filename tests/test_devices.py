"""Numbers of processes that cannot be."""

import pytest
import torch
import torch.distributed as dist

from plait import ConfigError, Training
from plait._devices import check_devices

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no processes")


@pytest.mark.parametrize("wrong", [0, -1, "two", True, 1.5, None])
def test_a_number_of_processes_is_one_or_more(wrong):
    with pytest.raises(ConfigError, match="`devices` should be a number of processes"):
        check_devices(wrong, Training(device="cpu"))


@pytest.mark.parametrize(
    ("device", "gpus", "told"),
    [("mps", 0, "is 'mps'"), ("cuda:1", 2, "is 'cuda:1'"), ("auto", 1, "at most .* GPUs, which")],
)
def test_devices_that_are_not_there(device, gpus, told, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(ConfigError, match=told):
        check_devices(2, Training(device=device, precision="float32"))


def test_one_of_several_processes_starts_no_more(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="Leave `devices` out"):
        check_devices(2, Training(device="cpu"))
    check_devices(1, Training(device="cpu"))
