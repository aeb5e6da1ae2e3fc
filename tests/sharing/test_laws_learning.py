"""A task and its opposite under one head: who has weights for each task can tell them apart."""

import pytest

from .laws_of_learning import fits_opposites, fitted
from .test_laws import BUILDS, COMMON, KINDS

SOME = [*(name for name in KINDS if name not in COMMON), "DSelectK: rows choose"]


@pytest.mark.parametrize("name", SOME)
def test_law(name):
    fits_opposites(BUILDS[name])


@pytest.mark.parametrize("name", COMMON)
def test_who_shares_all_cannot(name):
    assert max(fitted(KINDS[name])) < 0.1
