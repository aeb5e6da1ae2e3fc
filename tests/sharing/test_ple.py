"""PLE written out, level by level."""

import torch
from torch.nn.functional import layer_norm

from plait.sharing import PLE

from .by_hand import close, expert

TASKS = ("a", "b")
X = torch.randn(5, 6)


def test_formula_of_two_levels():
    module = PLE(TASKS, 6, levels=2, shared=2, own=1).eval()
    first, last = module.levels
    own = [expert(first.own, place, X) for place in range(2)]
    shared = [expert(first.shared, number, X) for number in range(2)]
    states = []
    for place in range(2):
        shares = (layer_norm(X, [6]) @ first.gates[place]).softmax(1)
        chosen = [own[place], *shared]
        states.append(sum(shares[:, [n]] * said for n, said in enumerate(chosen)))
    shares = (layer_norm(X, [6]) @ first.shared_gate.weight.T).softmax(1)
    common = sum(shares[:, [n]] * said for n, said in enumerate([*own, *shared]))

    assert last.shared_gate is None
    shared = [expert(last.shared, number, common) for number in range(2)]
    for place, task in enumerate(TASKS):
        chosen = [expert(last.own, place, states[place]), *shared]
        shares = (layer_norm(states[place], [6]) @ last.gates[place]).softmax(1)
        mixture = sum(shares[:, [n]] * said for n, said in enumerate(chosen))
        assert close(module(X)[task], module.norm(mixture))


def test_a_private_expert_below_reaches_others_by_the_shared_gate_alone():
    module = PLE(TASKS, 6, levels=2, shared=1, own=1).eval()
    before = module(X)
    module.levels[0].own.blocks[0].leave.data[1] += torch.randn(12, 6)  # of b
    assert not torch.allclose(module(X)["a"], before["a"])
    module.levels[0].shared_gate.weight.data.zero_()
    module.levels[0].shared_gate.weight.data[2, 0] = 1e4  # the shared expert, where x0 > mean
    x = torch.tensor([[2.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    before = module(x)
    module.levels[0].own.blocks[0].leave.data[1] += torch.randn(12, 6)
    assert torch.equal(module(x)["a"], before["a"])
    assert not torch.allclose(module(x)["b"], before["b"])


def test_each_level_but_the_last_has_a_shared_gate():
    levels = PLE(TASKS, 6, levels=3).levels
    assert [level.shared_gate is None for level in levels] == [False, False, True]
