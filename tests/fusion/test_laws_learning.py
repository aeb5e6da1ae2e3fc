"""What every fusion that the wing exports can learn, and what it does not claim to."""

import pytest

from plait import fusion
from plait._catalogue import catalogue
from plait.fusion import Fusion

from .laws_learning import LAWS


@pytest.mark.parametrize("kind", catalogue(fusion, Fusion).values())
@pytest.mark.parametrize("law", LAWS)
def test_law(law, kind):
    law(kind)
