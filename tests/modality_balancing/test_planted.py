"""The laws catch what they are there for: every planted fault."""

import pytest
import torch

from plait._errors import NonFiniteError
from plait.modality_balancing import Auxiliary

from . import test_laws as laws
from .test_laws import schema as schema  # the fixture

FAULTS = []


def fault(*found_by):
    """Say which laws have to find it."""

    def noted(broken):
        FAULTS.extend(
            pytest.param(law, broken, id=f"{broken.__name__}-{law.__name__}") for law in found_by
        )
        return broken

    return noted


@fault(laws.test_a_step_is_finite_and_another_than_the_plain_one)
class Idle(Auxiliary):
    """Single inputs are never looked at."""

    def backward(self, step, encoders, balance):
        return balance(step.losses.get(self.inputs, {}))


@fault(laws.test_gradients_that_were_there_before_stay)
class Overwrites(Auxiliary):
    """What other steps have left in a gradient is doubled."""

    def backward(self, step, encoders, balance):
        found = super().backward(step, encoders, balance)
        for weight in {each for some in encoders.values() for each in some}:
            if weight.grad is not None:
                weight.grad *= 2
        return found


@fault(laws.test_state_survives)
class Forgets(Auxiliary):
    """What was observed is no state."""

    def due(self, epoch):
        return True

    def observe(self, epoch, train, valid):
        self.weight = 2 * self.weight


@fault(laws.test_labels_that_are_not_there_have_no_say)
class ZeroForAbsent(Auxiliary):
    """A task without a label is one with a loss of zero."""

    def backward(self, step, encoders, balance):
        losses = {
            view: {
                task: found.get(task, torch.zeros((), requires_grad=True)) for task in self.tasks
            }
            for view, found in step.losses.items()
        }
        return super().backward(laws.ViewLosses(losses, step.trust), encoders, balance)


@fault(laws.test_without_other_inputs_there_is_nothing_to_balance)
class TwiceTheSame(Auxiliary):
    """The view of all inputs counts twice, as that of the only one."""

    def backward(self, step, encoders, balance):
        return balance({t: 2 * loss for t, loss in step.losses.get(self.inputs, {}).items()})


@fault(laws.test_an_input_that_is_absent_in_the_whole_batch_has_no_say)
class Shakes(Auxiliary):
    """Encoders are shaken that saw nothing."""

    def backward(self, step, encoders, balance):
        found = super().backward(step, encoders, balance)
        for weight in {each for some in encoders.values() for each in some}:
            noise = torch.randn_like(weight)
            weight.grad = noise if weight.grad is None else weight.grad + noise
        return found


@fault(laws.test_rows_of_which_nothing_is_there)
class NeedsAll(Auxiliary):
    """A share of what all inputs together lost alone: of nothing, it is not a number."""

    def backward(self, step, encoders, balance):
        alone = [loss for view in self.views[1:] for loss in step.losses.get(view, {}).values()]
        mean = torch.stack(alone).std() if alone else torch.tensor(float("nan"))
        return balance({t: loss * mean for t, loss in step.losses.get(self.inputs, {}).items()})


def run(law, kind, schema) -> None:
    given = {"kind": kind, "schema": schema, "rows": [3]}
    names = law.__code__.co_varnames[: law.__code__.co_argcount]
    law(**{name: given[name] for name in names})


@pytest.mark.parametrize(("law", "broken"), FAULTS)
def test_a_fault_is_caught(law, broken, schema):
    with pytest.raises((AssertionError, RuntimeError, NonFiniteError)):
        run(law, broken, schema)


@pytest.mark.parametrize("law", list(dict.fromkeys(each.values[0] for each in FAULTS)))
def test_a_sound_one_passes(law, schema):
    run(law, Auxiliary, schema)
