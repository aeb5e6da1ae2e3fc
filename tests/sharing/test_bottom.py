"""The shared bottom, written out."""

import torch

from plait.data import Masked
from plait.sharing import Bottom, Sharing

from .by_hand import close

X = torch.randn(5, 6)


def test_blocks_written_out():
    module = Bottom(("a", "b"), 6, layers=3).eval()
    states = X
    for norm, enter, bend, _, leave, _ in module.blocks:
        states = states + leave(bend(enter(norm(states))))
    found = module(X)
    assert close(found["a"], module.norm(states))
    assert found["a"] is found["b"]


def test_a_sharing_of_the_users_own_may_leave_the_tokens_out():
    class Old(Sharing):
        """All tasks take what comes."""

        def forward(self, features):
            return dict.fromkeys(self.tasks, features)

    assert Old.TOKENS is False
    assert Old(("a",), 6)(X)["a"] is X
    both = Bottom(("a",), 6).eval()
    tokens = Masked(torch.randn(5, 2, 6), torch.ones(5, 2).bool())
    assert torch.equal(both(X, tokens)["a"], both(X)["a"])
