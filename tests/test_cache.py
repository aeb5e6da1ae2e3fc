from pathlib import Path

import pytest

from plait._cache import LIMIT, WORTH, cache_folder, shelf_of


def test_the_users_folder_is_the_one_that_the_system_names(monkeypatch):
    monkeypatch.setenv("PLAIT_CACHE", "mine")
    assert cache_folder(True) == Path("mine")
    monkeypatch.delenv("PLAIT_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "there")
    assert cache_folder(True) == Path("there/plait")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder(True) == Path.home() / ".cache" / "plait"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder(True) == Path.home() / "Library" / "Caches" / "plait"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "local")
    assert cache_folder(True) == Path("local/plait/cache")


def test_only_a_folder_that_nobody_named_has_a_limit():
    shelf, worth = shelf_of(True)
    assert shelf is not None
    assert (shelf.limit, worth) == (LIMIT, WORTH)
    shelf, worth = shelf_of("packs")
    assert shelf is not None
    assert (shelf.folder, shelf.limit, worth) == (Path("packs/packs"), None, 0.0)
    assert shelf_of(False) == (None, 0.0)


@pytest.mark.parametrize("cache", [True, "packs", False])
def test_the_folder_is_not_made_before_something_is_kept(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    shelf_of(cache)
    assert not list(tmp_path.iterdir())
