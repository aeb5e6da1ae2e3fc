"""Where packed tables and the outputs of frozen encoders are kept."""

import os
import sys
from pathlib import Path

from .packing import Shelf

LIMIT = 10 * 2**30
WORTH = 2.0
"""Seconds of work from which on its result is kept, where nobody asked for it."""


def cache_folder(cache: bool | str) -> Path | None:
    """The folder that a choice means: one of its own, the user's, or none.

    The user's is ``$PLAIT_CACHE``, or ``plait`` where the system puts such things.

    Example:
        >>> cache_folder("packs").name, cache_folder(False)
        ('packs', None)
    """
    if cache is False:
        return None
    if isinstance(cache, str):
        return Path(cache).expanduser()
    named = os.environ.get("PLAIT_CACHE")
    if named:
        return Path(named).expanduser()
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "plait"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "plait" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME", home / ".cache")) / "plait"


def shelf_of(cache: bool | str) -> tuple[Shelf | None, float]:
    """Where packs are kept, and how many seconds one must have taken for it."""
    folder = cache_folder(cache)
    if folder is None:
        return None, 0.0
    asked = isinstance(cache, str)
    return Shelf(folder / "packs", None if asked else LIMIT), 0.0 if asked else WORTH
