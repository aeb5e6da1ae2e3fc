"""One seed for every test."""

import numpy as np
import pytest
import torch
from hypothesis import settings

# Tests are never timed: a busy machine is no fault of the code.
settings.register_profile("plait", deadline=None)
settings.load_profile("plait")


@pytest.fixture(autouse=True)
def no_cache(tmp_path_factory, monkeypatch):
    """No test finds what another one, or the user, has kept."""
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
    np.random.seed(0)
