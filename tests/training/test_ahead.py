import threading
from collections.abc import Iterator

import pytest

from plait.training import _ahead
from plait.training._ahead import TRIAL, ahead, ahead_if_slow


def workers() -> int:
    return sum(thread.name == "plait-ahead" for thread in threading.enumerate())


def test_the_same_items_come_in_the_same_order():
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead(iter(()))) == []
    assert list(ahead([None, 0])) == [None, 0]


def test_an_error_comes_where_its_item_would_have():
    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    items = ahead(broken())
    assert next(items) == 1
    with pytest.raises(LookupError, match="no more"):
        next(items)
    assert not workers()


def test_a_thread_that_is_gone_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(_ahead, "LOOK", 0.01)
    monkeypatch.setattr(threading.Thread, "run", lambda self: None)
    with pytest.raises(RuntimeError, match="has ended without a word"):
        next(ahead(iter(range(3))))


def test_who_stops_early_leaves_no_thread_behind():
    items = ahead(iter(range(1_000_000)))
    assert next(items) == 0
    assert workers() == 1
    items.close()
    assert not workers()


def test_no_more_is_made_than_there_is_room_for():
    made = []
    items = ahead((made.append(n) or n for n in range(100)), depth=2)
    next(items)
    threading.Event().wait(0.05)
    assert len(made) <= 5
    items.close()


class Clock:
    """Seconds that pass while items are made and while they are used."""

    def __init__(self, making: float, using: float) -> None:
        self.now, self.making, self.using = 0.0, making, using

    def __call__(self) -> float:
        return self.now

    def items(self, count: int) -> Iterator[int]:
        for n in range(count):
            self.now += self.making
            yield n


@pytest.mark.parametrize(("making", "threads"), [(0.01, 0), (0.5, 1)])
def test_a_thread_is_started_only_where_the_caller_waits(making, threads):
    clock, most = Clock(making, 1.0), 0
    seen = []
    for item in ahead_if_slow(clock.items(50), clock):
        clock.now += clock.using
        seen.append(item)
        most = max(most, workers())
    assert seen == list(range(50))
    assert most == threads
    assert not workers()


@pytest.mark.parametrize("count", [0, 1, TRIAL - 1, TRIAL, TRIAL + 1])
def test_few_items_are_all_there(count):
    assert list(ahead_if_slow(iter(range(count)))) == list(range(count))
