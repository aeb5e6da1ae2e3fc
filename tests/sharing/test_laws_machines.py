"""Compiled, exported, and with gradients that are right: everything the wing exports."""

import pytest

from .laws_of_machines import compiles, exports, right_gradients
from .test_laws import BUILDS, KINDS

SOME = {**KINDS, "DSelectK: rows choose": BUILDS["DSelectK: rows choose"]}


@pytest.mark.parametrize("build", SOME.values(), ids=list(SOME))
# The compiler itself makes an object of each autograd function that it meets.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("law", [compiles, exports, right_gradients])
def test_law(law, build):
    law(build)
