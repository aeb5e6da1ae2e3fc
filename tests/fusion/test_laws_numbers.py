"""Precision and gradients of every fusion that the wing exports."""

import pytest

from plait import fusion
from plait._catalogue import catalogue
from plait.fusion import Fusion

from .laws_modes import NUMBERS


@pytest.mark.parametrize("kind", catalogue(fusion, Fusion).values())
@pytest.mark.parametrize("law", NUMBERS)
def test_law(law, kind):
    law(kind)
