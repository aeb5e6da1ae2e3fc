"""The limits of memory that a system tells."""

import resource

import pytest

from plait.data import _memory
from plait.data._memory import memory_limit


@pytest.fixture
def system(tmp_path, monkeypatch):
    monkeypatch.setattr(_memory, "_built_in", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2)
    return tmp_path


def write(system, name, text):
    path = system / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_groups_it_is_what_is_built_in(system):
    assert memory_limit(system) == 1000


@pytest.mark.parametrize(
    ("groups", "name"),
    [
        ("0::/a/b\n", "sys/fs/cgroup/{}/memory.max"),
        ("9:cpu:/x\n4:memory:/a/b\n0::/\n", "sys/fs/cgroup/memory/{}/memory.limit_in_bytes"),
    ],
)
def test_a_group_is_bound_by_those_above_it(system, groups, name):
    write(system, "proc/self/cgroup", groups)
    assert memory_limit(system) == 1000
    write(system, name.format("a/b"), "max\n" if "max" in name else "9223372036854771712\n")
    assert memory_limit(system) == 1000
    write(system, name.format("a"), "700\n")
    assert memory_limit(system) == 700
    write(system, name.format(""), "800\n")
    assert memory_limit(system) == 700
    write(system, name.format("a/b"), "600\n")
    assert memory_limit(system) == 600
    write(system, name.format("x"), "5\n")
    assert memory_limit(system) == 600


def test_the_address_space(system, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (300, 900))
    assert memory_limit(system) == 300
