"""How much memory there is."""

import os
from collections.abc import Iterator
from pathlib import Path

UNKNOWN = 4 << 30
"""Bytes that are taken to be there where the system does not say."""


def memory_limit(system: Path = Path("/")) -> int:
    """Bytes of memory that this process may use.

    The least of what is built in, what the control groups of the process allow, and the limit of
    its address space.

    Args:
        system: The folder that ``proc`` and ``sys`` lie in.

    Example:
        >>> memory_limit() > 0
        True
    """
    return min([_built_in(), *_groups(system), *_address_space()])


def _built_in() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has none of it
        return UNKNOWN


def _groups(system: Path) -> Iterator[int]:
    try:
        lines = (system / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top, name = system / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = system / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # A group is bound by those above it. In a container its own path may not be there.
        group = top / path.lstrip("/")
        for folder in [group, *group.parents]:
            if folder.is_relative_to(top):
                yield from _limit(folder / name)


def _limit(file: Path) -> Iterator[int]:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError:
        return
    if text.isdecimal() and int(text):  # "max" means none
        yield int(text)


def _address_space() -> Iterator[int]:
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield soft
