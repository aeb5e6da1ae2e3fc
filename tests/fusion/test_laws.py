"""What every fusion promises, over everything the wing exports."""

import pytest

from plait import fusion
from plait._catalogue import catalogue
from plait.fusion import Fusion, Late

from . import laws_masks, laws_state

KINDS = catalogue(fusion, Fusion)
LAWS = (*laws_masks.LAWS, *laws_state.LAWS)


@pytest.mark.parametrize("kind", KINDS.values())
@pytest.mark.parametrize("law", LAWS)
def test_law(law, kind):
    law(kind)


def test_bases_are_no_fusions_that_a_name_may_mean():
    assert not {"Fusion", "Late"} & set(KINDS)
    assert {"LateMean", "ProductOfExperts"} == {n for n, k in KINDS.items() if issubclass(k, Late)}
