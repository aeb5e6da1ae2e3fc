"""One measurement as one line of JSON: what was measured, where, and with what."""

import os
import platform
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = {
    "torch": "torch",
    "plait": "plait",
    "pyarrow": "pyarrow",
    "numpy": "numpy",
    "pillow": "pillow",
    "tokenizers": "tokenizers",
    "scikit_learn": "scikit-learn",
}


@cache
def machine() -> dict[str, Any]:
    """The processor, its cores, the memory and the system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "os": platform.platform(),
    }


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    if told.is_file():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def versions() -> dict[str, str]:
    """Python's and those of the packages that do the work."""
    found = {"python": platform.python_version()}
    for name, package in PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def record(
    measured: dict[str, Any], run: dict[str, Any], extra_versions: dict[str, str] | None = None
) -> dict[str, Any]:
    """A whole line.

    Args:
        measured: Scenario, part, contestant, metric, value, unit and repeat.
        run: Threads, seed and scale of the run.
        extra_versions: Those of a peer.
    """
    return {
        **measured,
        **run,
        "machine": machine(),
        "load": round(os.getloadavg()[0], 2),
        "versions": {**versions(), **(extra_versions or {})},
        "command": " ".join(["python -m benchmarks.run", *sys.argv[1:]]),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
