"""Broken ways of sharing, and the law that catches each."""

import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm

from plait.sharing import MMoE, Sharing, TaskQueries

from . import laws, laws_of_learning as learning, laws_of_machines as machines


class Sound(Sharing):
    """Nothing is wrong with this one: a vector for each task is added to what all share."""

    TOKENS = True

    def __init__(self, tasks, width):
        super().__init__(tasks, width)
        self.own = nn.Parameter(torch.randn(len(self.tasks), width))
        self.mix = nn.Linear(width, width)

    def forward(self, features, tokens=None):
        seen = features if tokens is None else features + self.pooled(tokens)
        return self.named(self.mixed(seen.unsqueeze(0) + self.mine().unsqueeze(1)))

    def pooled(self, tokens):
        values = tokens.values.where(tokens.mask.unsqueeze(2), 0.0)
        return values.sum(1) / tokens.mask.sum(1, keepdim=True).clamp(min=1)

    def mine(self):
        return self.own

    def mixed(self, states):
        return self.mix(states).tanh()


class Unregistered(Sound):
    """Experts in a plain list: nobody trains, moves or saves them."""

    def __init__(self, tasks, width):
        super().__init__(tasks, width)
        self.experts = [nn.Linear(width, width) for _ in range(2)]

    def mixed(self, states):
        return super().mixed(sum(expert(states) for expert in self.experts))


class Fresh(Sound):
    """A new layer in each call."""

    def mixed(self, states):
        return super().mixed(nn.Linear(self.width, self.width)(states))


class Unused(Sound):
    """Weights that have no say."""

    def __init__(self, tasks, width):
        super().__init__(tasks, width)
        self.spare = nn.Linear(width, width)


class BatchGate(MMoE):
    """Gates that read the mean of the batch."""

    def weights(self, features):
        return super().weights(features.mean(0, keepdim=True).expand_as(features))


class BatchNormal(Sound):
    """Rows against each other, when asked as well."""

    def mixed(self, states):
        return super().mixed(states - states.mean(1, keepdim=True))


class Multiplied(Sound):
    """A mask that is multiplied with: a hole that holds NaN comes through."""

    def pooled(self, tokens):
        mask = tokens.mask.unsqueeze(2)
        return (tokens.values * mask).sum(1) / mask.sum(1).clamp(min=1)


class MaskedLate(Sound):
    """The right answer, and the gradient of a hole is NaN."""

    def pooled(self, tokens):
        roots = (tokens.values.abs() + 1).sqrt() * self.own.mean()
        return roots.where(tokens.mask.unsqueeze(2), 0.0).sum(1)


class Padded(Sound):
    """A mean over all places, there or not."""

    def pooled(self, tokens):
        return tokens.values.where(tokens.mask.unsqueeze(2), 0.0).mean(1)


class Unmasked(TaskQueries):
    """Attention that looks at holes."""

    def forward(self, features, tokens=None):
        if tokens is not None:
            tokens = laws.Masked(tokens.values, tokens.mask | True)
        return super().forward(features, tokens)


class Needy(Sound):
    """No answer without tokens."""

    def forward(self, features, tokens=None):
        return super().forward(features + tokens.values.sum() * 0, tokens)


class Secret(Sound):
    """Reads the tokens, and does not say so."""

    TOKENS = False


class Deaf(Sound):
    """Says that it reads the tokens, and does not."""

    def pooled(self, tokens):
        return tokens.mask.sum() * 0.0


class Neighbors(Sound):
    """Every task has the weights of the first one."""

    def mine(self):
        return self.own[:1].expand_as(self.own)


class Borrowed(Sound):
    """A task's weights go to the next one as well."""

    def mine(self):
        return self.own + self.own.roll(1, 0)


class Alphabetical(Sound):
    """Weights by the order of the names."""

    def mine(self):
        order = sorted(range(len(self.tasks)), key=lambda place: self.tasks[place])
        return self.own[order]


class Noisy(Sound):
    """Dropout that never ends."""

    def mixed(self, states):
        return nn.functional.dropout(super().mixed(states), 0.1, training=True)


class Single(Sound):
    """A table that knows one precision."""

    def mixed(self, states):
        return super().mixed(states) @ torch.eye(self.width)


class Detached(Sound):
    """A path that looks like one, and hands no gradient down."""

    def mixed(self, states):
        return super().mixed(states) + layer_norm(self.mix(states).detach(), [self.width])


class Waiting(Sound):
    """A question to the device in the middle."""

    def mixed(self, states):
        return super().mixed(states) * (2.0 if float(states.abs().max()) > 1e3 else 1.0)


class OfThisLength(Sound):
    """Five rows and no other number."""

    def __init__(self, tasks, width):
        super().__init__(tasks, width)
        self.place = nn.Parameter(torch.randn(5, width))

    def mixed(self, states):
        return super().mixed(states + self.place[: states.shape[1]])


class Equal(Sound):
    """Private weights that cannot change the answer."""

    def mine(self):
        return self.own * 1e-6


PLANTED = [
    (Unregistered, laws.registered),
    (Unregistered, laws.survives),
    (Fresh, laws.registered),
    (Fresh, laws.steady),
    (Unused, laws.learns),
    (BatchGate, laws.rows_alone),
    (BatchNormal, laws.rows_alone),
    (Multiplied, laws.absent_is_absent),
    (MaskedLate, laws.absent_is_absent),
    (Padded, laws.padding),
    (Unmasked, laws.absent_is_absent),
    (Unmasked, laws.padding),
    (Unmasked, laws.without_tokens),
    (Needy, laws.shapes),
    (Needy, laws.without_tokens),
    (Secret, laws.without_tokens),
    (Deaf, laws.without_tokens),
    (Neighbors, machines.private),
    (Borrowed, machines.private),
    (Alphabetical, laws.by_place),
    (Noisy, laws.steady),
    (Single, laws.precisions),
    (Detached, machines.right_gradients),
    (Waiting, machines.compiles),
    (Waiting, machines.exports),
    (OfThisLength, laws.rows_alone),
    (OfThisLength, machines.exports),
    (Equal, learning.fits_opposites),
]
LAWS = list(dict.fromkeys(law for _, law in PLANTED))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_sound_one_passes(law):
    law(Sound)


@pytest.mark.parametrize(("kind", "law"), PLANTED, ids=lambda part: part.__name__)
def test_a_fault_is_caught(kind, law):
    with pytest.raises((AssertionError, RuntimeError, AttributeError)):
        law(kind)
