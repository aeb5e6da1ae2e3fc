"""Ray, where it is installed, and a cluster of it."""

import importlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from plait._errors import ConfigError

QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
"""What a cluster of our own is told: nothing is reported to anybody."""


def needed(name: str = "ray") -> Any:
    """A module of Ray.

    Raises:
        ConfigError: If Ray is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"`plait.clusters` needs {name!r}, which cannot be imported: {error}. Install it: pip "
            "install 'plait[ray]'."
        ) from error


@contextmanager
def running() -> Generator[Any]:
    """Ray with a cluster: the one that is there, or one on this machine for the time being.

    Raises:
        ConfigError: If Ray is not installed, or there is no such cluster.
    """
    ray = needed()
    if ray.is_initialized():
        yield ray
        return
    before = {name: os.environ.get(name) for name in QUIET}
    # The processes of the cluster take these from here when they start.
    os.environ.update({name: value for name, value in QUIET.items() if before[name] is None})
    try:
        try:
            # The dashboard would run jobs for whoever reaches its port.
            ray.init(include_dashboard=False, logging_level="error", log_to_driver=False)
        except (OSError, RuntimeError, ValueError) as error:
            where = os.environ.get("RAY_ADDRESS", "this machine")
            last = (str(error).splitlines() or [type(error).__name__])[-1]
            raise ConfigError(
                f"Ray should run on a cluster at {where!r}. {last} Call `ray.init(...)` yourself "
                "first: what it is told, and what it tells, is then yours to see."
            ) from error
        yield ray
    finally:
        ray.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
