"""Processes that learned something else of their tables are told so, all of them."""

import json
import threading
from pathlib import Path

import pytest
import torch.distributed as dist

from plait import ConfigError
from plait.training._agreed import agreed, compared
from plait.training._world import GONE, LostError, World

from .test_world import launched

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no processes")


def met(*told: dict[str, int]) -> list[Exception | None]:
    store, found = dist.HashStore(), [None] * len(told)

    def meet(rank: int) -> None:
        try:
            compared(store, World(rank, len(told)), {})
            compared(store, World(rank, len(told)), told[rank])
        except ConfigError as error:
            found[rank] = error

    threads = [threading.Thread(target=meet, args=(rank,)) for rank in range(len(told))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found


def test_the_same_is_no_error():
    assert met({"rows": 3}, {"rows": 3}, {"rows": 3}) == [None] * 3


def test_what_differs_is_told_to_all():
    found = met({"rows": 3, "inputs": 1}, {"rows": 3, "inputs": 1}, {"rows": 4, "inputs": 1})
    assert len({str(each) for each in found}) == 1
    assert "rows (process 2: 4, process 0: 3)." in str(found[0])
    assert "inputs" not in str(found[0])


def test_nobody_waits_for_one_that_is_gone():
    store = dist.HashStore()
    store.set(GONE, "")
    with pytest.raises(LostError, match="Another one has ended"):
        compared(store, World(0, 2), {"rows": 1})


def test_processes_train_again_and_again_and_refuse_what_differs(tmp_path):
    script = Path(__file__).with_name("agreed_rank.py")
    done = launched(script, str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    found = [json.loads((tmp_path / f"out.{rank}").read_text()) for rank in (0, 1)]
    assert found[0] == found[1]
    once, again = found[0]["losses"]
    assert once == again
    assert "training rows (process 1: 108, process 0: 90)" in found[0]["told"]


def test_one_process_agrees_with_itself():
    agreed({"rows": 1})
