"""The laws catch what they are there for: every planted fault."""

import math

import pytest
import torch
from torch import nn

from plait.pretraining import Contrast, InfoNCE

from . import test_laws as laws

FAULTS = []


def fault(*found_by):
    """Say which laws have to find it."""

    def noted(broken):
        FAULTS.extend(
            pytest.param(law, broken, id=f"{broken.__name__}-{law.__name__}") for law in found_by
        )
        return broken

    return noted


@fault(laws.test_a_row_without_a_partner_has_no_say)
class HeldAgainstAll(InfoNCE):
    """Rows that have no partner are strangers all the same."""

    def errors(self, cosines, against):
        return super().errors(cosines, torch.ones_like(against))


@fault(laws.test_what_is_masked_has_no_say)
class MeanOfNothing(InfoNCE):
    """Divided by the number of strangers, of which there may be none."""

    def errors(self, cosines, against):
        return self.scale * (super().errors(cosines, against) / against.sum(1))


@fault(laws.test_the_order_of_rows_does_not_matter)
class FirstCountsTwice(InfoNCE):
    """What is asked depends on where a row stands."""

    def errors(self, cosines, against):
        found = super().errors(cosines, against)
        return torch.cat([2 * found[:1], found[1:]])


@fault(laws.test_every_parameter_and_every_input_gets_a_gradient)
class Frozen(InfoNCE):
    """A temperature that nothing moves."""

    @property
    def scale(self):
        return super().scale.detach()


@fault(laws.test_partners_cost_less_than_strangers)
class Backwards(InfoNCE):
    """Strangers are liked and partners are not."""

    def errors(self, cosines, against):
        return super().errors(-cosines, against)


@fault(laws.test_what_is_learned_is_saved)
class Unsaved(Contrast):
    """A temperature that is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.hidden = torch.rand(())

    def errors(self, cosines, against):
        return (1 - cosines.diagonal()) * self.weight * (1 + self.hidden)


@fault(laws.test_two_calls_agree_and_nothing_at_all_is_zero)
class Noisy(InfoNCE):
    """Another answer in every call."""

    def errors(self, cosines, against):
        return super().errors(cosines, against) * torch.rand(())


@fault(laws.test_half_and_double_precision)
class Single(InfoNCE):
    """A table that knows one precision."""

    def errors(self, cosines, against):
        return super().errors(cosines @ torch.eye(len(cosines)), against)


@fault(laws.test_gradients_are_those_of_small_steps)
class HalfASlope(InfoNCE):
    """A part of the error hands no gradient down."""

    def errors(self, cosines, against):
        found = super().errors(cosines, against)
        return (found + found.detach()) / 2


@fault(laws.test_compiles_whole)
class AsksTheDevice(InfoNCE):
    """The way on depends on a number that the device is asked for."""

    def errors(self, cosines, against):
        found = super().errors(cosines, against)
        return found if found.sum().item() > 0 else 2 * found


def run(law, kind) -> None:
    names = law.__code__.co_varnames[: law.__code__.co_argcount]
    law(**{name: {"kind": kind, "junk": math.nan, "rows": 1}[name] for name in names})


@pytest.mark.parametrize(("law", "broken"), FAULTS)
def test_a_fault_is_caught(law, broken):
    with pytest.raises((AssertionError, AttributeError, RuntimeError)):
        run(law, broken)


@pytest.mark.parametrize("law", list(dict.fromkeys(each.values[0] for each in FAULTS)))
def test_a_sound_one_passes(law):
    run(law, InfoNCE)
