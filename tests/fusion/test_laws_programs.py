"""Compiling and export of every fusion that the wing exports."""

import pytest

from plait import fusion
from plait._catalogue import catalogue
from plait.fusion import Fusion

from .laws_modes import PROGRAMS


@pytest.mark.parametrize("kind", catalogue(fusion, Fusion).values())
@pytest.mark.parametrize("law", PROGRAMS)
def test_law(law, kind):
    law(kind)
