"""The laws of encoders catch what they are there for: every planted fault."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from plait.data import Masked

from . import test_encoder_laws as laws, test_encoder_programs as programs

WIDTH = laws.WIDTH
FAULTS = []
TOLD_BY_TORCH = (programs.test_double_precision, programs.test_exports_for_any_number_of_rows,
                 programs.test_gradients_are_those_of_small_steps)  # fmt: skip


def fault(kind: str, *found_by: Callable):
    """Say in which kind a fault is planted, and which laws have to find it."""

    def noted(broken):
        FAULTS.extend(
            pytest.param(law, kind, broken, id=f"{broken.__name__}-{law.__name__}")
            for law in found_by
        )
        return broken

    return noted


class Sound(nn.Module):
    """An encoder as it is, in a shell that a fault may change."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, cells: Masked) -> Masked:
        tokens = self.inner(cells)
        return Masked(self.changed(tokens.values, cells), tokens.mask)

    def changed(self, values: Tensor, cells: Masked) -> Tensor:
        return values


@fault(
    "Vector", laws.test_all_that_learns_is_registered, laws.test_state_survives_and_two_calls_agree
)
class PlainList(Sound):
    """A factor in a list, where nobody saves or trains it."""

    def __init__(self, inner):
        super().__init__(inner)
        self.factors = [torch.randn(WIDTH, WIDTH, requires_grad=True)]

    def changed(self, values, cells):
        return values @ self.factors[0]


@fault("Vector", laws.test_state_survives_and_two_calls_agree)
class FreshLayer(Sound):
    """A layer is made in every call."""

    def changed(self, values, cells):
        return nn.Linear(WIDTH, WIDTH)(values)


@fault("Vector", laws.test_state_survives_and_two_calls_agree)
class Grows(Sound):
    """A layer is added in every call, and not used."""

    def changed(self, values, cells):
        self.add_module(f"more_{len([*self.modules()])}", nn.Identity())
        return values


@fault("Text", laws.test_state_survives_and_two_calls_agree)
class Noisy(Sound):
    """Dropout that never ends."""

    def changed(self, values, cells):
        return nn.functional.dropout(values, 0.1, training=True)


@fault("Vector", laws.test_every_parameter_gets_a_gradient)
class Idle(Sound):
    """A layer that nothing passes."""

    def __init__(self, inner):
        super().__init__(inner)
        self.idle = nn.Linear(WIDTH, WIDTH)


@fault("Numeric", laws.test_what_is_masked_has_no_say)
class ZeroTimes(Sound):
    """What is not there is multiplied by zero: NaN stays NaN."""

    def changed(self, values, cells):
        return values + (cells.values * cells.mask).sum(1)[:, None, None]


@fault("Numeric", laws.test_what_is_masked_has_no_say)
class MaskedLate(Sound):
    """The result is masked and not the operand: the gradient is NaN."""

    def __init__(self, inner):
        super().__init__(inner)
        self.slope = nn.Parameter(torch.ones(()))

    def changed(self, values, cells):
        return values + (cells.values * self.slope).where(cells.mask, 0).sum(1)[:, None, None]


@fault("Vector", laws.test_rows_do_not_mix_and_padding_does_not_matter)
class MixesRows(Sound):
    """What is normal is judged by the other rows of the batch."""

    def changed(self, values, cells):
        return values - values.mean(0)


@fault("Text", laws.test_longer_padding_does_not_matter,
       laws.test_rows_do_not_mix_and_padding_does_not_matter)  # fmt: skip
class CountsPadding(Sound):
    """The sum is divided by how many places there are, filled or not."""

    def changed(self, values, cells):
        return values * 5 / cells.mask.shape[1]


@fault("Numeric", laws.test_statistics_see_what_is_there)
class CountsTheAbsent(Sound):
    """A running sum of what stands there, holes and all."""

    def __init__(self, inner):
        super().__init__(inner)
        self.register_buffer("total", torch.zeros(()))

    def changed(self, values, cells):
        self.total += cells.values.detach().sum()
        return values


@fault("Audio", laws.test_nothing_and_one_entry_are_finite)
class MeanOfNothing(Sound):
    """A mean over what is there, of nothing."""

    def changed(self, values, cells):
        return values / cells.mask.sum(1)[:, None, None]


@fault("Audio", laws.test_nothing_and_one_entry_are_finite)
class SpreadOfOne(Sound):
    """A deviation that one entry does not have."""

    def changed(self, values, cells):
        count = cells.mask.sum(1)[:, None, None]
        return values / (count - 1)


@fault("Geo", laws.test_shapes_and_mask)
class AlwaysThere(Sound):
    """A token for what is not there."""

    def forward(self, cells):
        tokens = self.inner(cells)
        return Masked(tokens.values, torch.ones_like(tokens.mask))


@fault("Vector", laws.test_half_precision_on_the_processor)
class Overflows(Sound):
    """Numbers that half precision cannot tell apart."""

    def changed(self, values, cells):
        rough = values.to(self.inner(cells).values.dtype) + 4096
        if torch.is_autocast_enabled("cpu"):
            rough = rough.bfloat16()
        return rough - 4096


@fault("Vector", programs.test_double_precision)
class Single(Sound):
    """A table that knows one precision."""

    def changed(self, values, cells):
        return values @ torch.eye(WIDTH)


@fault("Vector", programs.test_exports_for_any_number_of_rows)
class AsksTheDevice(Sound):
    """The way on depends on a number that the device is asked for."""

    def changed(self, values, cells):
        return values if values.abs().sum().item() > 1e-3 else values + 1


@fault("Vector", programs.test_exports_for_any_number_of_rows)
class OneSize(Sound):
    """The number of rows is written into the program."""

    def __init__(self, inner):
        super().__init__(inner)
        self.place = nn.Parameter(torch.randn(5, 1, WIDTH))

    def changed(self, values, cells):
        return values + self.place[: len(values)]


class Slope(torch.autograd.Function):
    """Says that the slope of a square is one."""

    @staticmethod
    def forward(ctx, values):
        return values.square()

    @staticmethod
    def backward(ctx, grad):
        return grad


@fault("Vector", programs.test_gradients_are_those_of_small_steps)
class WrongSlope(Sound):
    """A gradient of one's own that is wrong."""

    def changed(self, values, cells):
        return Slope.apply(values)


class Planted:
    """A fitted declaration whose encoder has a fault."""

    def __init__(self, known, broken) -> None:
        self.known, self.broken = known, broken

    def __getattr__(self, name):
        return getattr(self.known, name)

    def build(self, width: int) -> nn.Module:
        return self.broken(self.known.build(width))

    def shortcut(self, outputs: int) -> None:
        return None


@pytest.fixture
def plant(make_case, examples):
    def planted(kind, broken):
        case = make_case(*examples[kind][0])
        known = Planted(case.fitted(), broken)
        object.__setattr__(case, "fitted", lambda: known)
        return case

    return planted


def run(law, case) -> None:
    names = law.__code__.co_varnames[: law.__code__.co_argcount]
    law(*(case if name == "case" else float("nan") for name in names))


@pytest.mark.parametrize(("law", "kind", "broken"), FAULTS)
def test_a_fault_is_caught(law, kind, broken, plant):
    broken(nn.Identity())  # it can be made: what fails below is the law
    told = (AssertionError, RuntimeError) if law in TOLD_BY_TORCH else AssertionError
    with pytest.raises(told):
        run(law, plant(kind, broken))


@pytest.mark.parametrize(("law", "kind"), list(dict.fromkeys(each.values[:2] for each in FAULTS)),
                         ids=lambda part: getattr(part, "__name__", part))  # fmt: skip
def test_a_sound_one_passes(law, kind, plant):
    run(law, plant(kind, Sound))
