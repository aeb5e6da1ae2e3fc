"""The laws catch what they are there for: every planted fault, and no toy that is right."""

import pytest
import torch
from torch import Tensor, nn

from plait.fusion import Fusion
from plait.fusion._base import pooled

from . import laws_masks as masks, laws_modes as modes, laws_state as state
from .laws_learning import LAWS as LEARNING, interacts_as_claimed
from .parts import SIX, WIDTH

FAULTS = []
TOLD_BY_TORCH = (*modes.LAWS, state.weights_move_together)


def fault(*laws):
    """Say which laws a broken fusion has to fail."""

    def noted(kind):
        FAULTS.extend(pytest.param(law, kind, id=f"{kind.__name__}-{law.__name__}") for law in laws)
        return kind

    return noted


class Toy(Fusion):
    """A right one: the mean of what is there through a linear layer, a learned vector for none."""

    def __init__(self, inputs, width):
        super().__init__(inputs, width)
        self.map = nn.Linear(width, width)
        self.nothing = nn.Parameter(torch.ones(width))

    def forward(self, tokens) -> Tensor:
        means, there = pooled(tokens, self.inputs)
        count = there.sum(1, keepdim=True)
        return self.map(means.sum(1) / count.clamp(min=1)).where(count > 0, self.nothing)


@fault(state.state_is_all, state.weights_move_together)
class PlainList(Toy):
    """The factors of a product are kept in a list, where nobody trains, saves or moves them."""

    def __init__(self, inputs, width):
        super().__init__(inputs, width)
        self.factors = [torch.randn(width, width) for _ in inputs]

    def forward(self, tokens) -> Tensor:
        means, _ = pooled(tokens, self.inputs)
        maps = [means[:, i] @ factor for i, factor in enumerate(self.factors)]
        return super().forward(tokens) + torch.stack(maps).sum(0)


@fault(state.calls_agree, state.state_is_all)
class FreshLayer(Toy):
    """A layer is made, at random, in every call."""

    def forward(self, tokens) -> Tensor:
        return nn.Linear(self.width, self.width)(super().forward(tokens))


@fault(state.every_weight_learns)
class Idle(Toy):
    """A layer is made and never used."""

    def __init__(self, inputs, width):
        super().__init__(inputs, width)
        self.idle = nn.Linear(width, width)


@fault(masks.junk_has_no_say)
class ZeroTimes(Toy):
    """The mask is multiplied with what stands there: zero times NaN is NaN."""

    def forward(self, tokens) -> Tensor:
        parts = [tokens[name] for name in self.inputs]
        total = sum((part.values * part.mask.unsqueeze(2)).sum(1) for part in parts)
        return self.map(total) + self.nothing


@fault(masks.junk_has_no_say)
class MaskedTooLate(Toy):
    """The result is masked and not the operand: the gradient is NaN all the same."""

    def forward(self, tokens) -> Tensor:
        parts = [tokens[name] for name in self.inputs]
        mapped = [self.map(part.values).where(part.mask.unsqueeze(2), 0.0) for part in parts]
        return sum(values.sum(1) for values in mapped) + self.nothing


@fault(masks.padding_is_nothing, masks.hidden_is_gone)
class MeanOverPadding(Toy):
    """The sum is divided by how many places there are, and not by how many are filled."""

    def forward(self, tokens) -> Tensor:
        parts = [tokens[name] for name in self.inputs]
        total = sum(p.values.where(p.mask.unsqueeze(2), 0.0).mean(1) for p in parts)
        count = sum(part.mask.shape[1] for part in parts)
        return self.map(total / count) + self.nothing


@fault(masks.padding_is_nothing, masks.hidden_is_gone)
class BiasLeaks(Toy):
    """What is absent is zero, goes through a layer, and adds the layer's bias."""

    def forward(self, tokens) -> Tensor:
        parts = [tokens[name] for name in self.inputs]
        zeroed = [part.values.where(part.mask.unsqueeze(2), 0.0) for part in parts]
        return sum(self.map(values).sum(1) for values in zeroed) + self.nothing


@fault(masks.rows_do_not_mix)
class MixesRows(Toy):
    """What is normal is judged by the other rows of the batch."""

    def forward(self, tokens) -> Tensor:
        out = super().forward(tokens)
        return out - out.mean(0)


@fault(masks.statistics_see_what_is_there)
class CountsTheAbsent(Toy):
    """Running statistics are moved by rows in which nothing is there."""

    def __init__(self, inputs, width):
        super().__init__(inputs, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, tokens) -> Tensor:
        return self.norm(super().forward(tokens))


@fault(masks.shape_and_finite)
class NothingIsNaN(Toy):
    """A softmax over nothing."""

    def forward(self, tokens) -> Tensor:
        means, there = pooled(tokens, self.inputs)
        shares = means.sum(2).masked_fill(~there, -torch.inf).softmax(1)
        return self.map((shares.unsqueeze(2) * means).sum(1)) + self.nothing


@fault(masks.what_is_there_has_a_say)
class Deaf(Toy):
    """Only the first input is heard."""

    def forward(self, tokens) -> Tensor:
        means, _ = pooled(tokens, self.inputs)
        return self.map(means[:, 0]) + self.nothing


@fault(masks.one_that_is_alone_has_a_say)
class PairsOnly(Toy):
    """Only products of two inputs are heard: one that stands alone says nothing."""

    def forward(self, tokens) -> Tensor:
        means, _ = pooled(tokens, self.inputs)
        return self.map(means.sum(1).square() - means.square().sum(1)) + self.nothing


@fault(state.mapping_in_any_order)
class TakesTheMappingsOrder(Toy):
    """The first of the mapping counts twice."""

    def forward(self, tokens) -> Tensor:
        means, _ = pooled(tokens, tuple(tokens))
        return super().forward(tokens) + means[:, 0]


@fault(state.names_mean_nothing)
class ReadsNames(Toy):
    """The input that is first in the alphabet counts twice."""

    def forward(self, tokens) -> Tensor:
        means, _ = pooled(tokens, sorted(self.inputs))
        return super().forward(tokens) + means[:, 0]


@fault(state.order_means_nothing)
class LastCountsTwice(Toy):
    """What an input is worth depends on where it was written down."""

    def forward(self, tokens) -> Tensor:
        means, _ = pooled(tokens, self.inputs)
        return super().forward(tokens) + means[:, -1]


@fault(modes.compiles_whole)
class AsksTheDevice(Toy):
    """The way on depends on a number that the device is asked for."""

    def forward(self, tokens) -> Tensor:
        out = super().forward(tokens)
        return out if out.abs().sum().item() > 1e-3 else out + 1


@fault(modes.exports)
class RemembersTheBatch(Toy):
    """The size of the batch is written into the program."""

    def forward(self, tokens) -> Tensor:
        out = super().forward(tokens)
        return out + torch.ones(int(out.shape[0]), self.width) if len(out) == 5 else out


class Slope(torch.autograd.Function):
    """Says that the slope of a square is one."""

    @staticmethod
    def forward(ctx, values):
        return values.square()

    @staticmethod
    def backward(ctx, grad):
        return grad


@fault(modes.gradients_are_right)
class WrongSlope(Toy):
    """A gradient of one's own that is wrong."""

    def forward(self, tokens) -> Tensor:
        return Slope.apply(super().forward(tokens))


@fault(interacts_as_claimed)
class Boasts(Toy):
    """A plain mean that claims that inputs act together."""

    INTERACTS = True


@pytest.mark.parametrize(("law", "kind"), FAULTS)
def test_a_fault_is_caught(law, kind):
    kind(SIX, WIDTH)  # it can be made: what fails below is the law
    with pytest.raises((AssertionError, RuntimeError) if law in TOLD_BY_TORCH else AssertionError):
        law(kind)


@pytest.mark.parametrize("law", [*masks.LAWS, *state.LAWS, *modes.LAWS, *LEARNING])
def test_a_toy_of_one_class_is_met_by_every_law(law):
    law(Toy)
