"""CGC: what each task selects."""

import torch
from torch.nn.functional import layer_norm

from plait.sharing import CGC, PLE

from .by_hand import close, expert

TASKS = ("a", "b", "c")
X = torch.randn(5, 6)


def test_formula():
    module = CGC(TASKS, 6, shared=2, own=3).eval()
    level, found = module.level, module(X)
    for place, task in enumerate(TASKS):
        chosen = [expert(level.own, 3 * place + number, X) for number in range(3)]
        chosen += [expert(level.shared, number, X) for number in range(2)]
        shares = (layer_norm(X, [6]) @ level.gates[place]).softmax(1)
        assert shares.shape == (5, 5)
        mixture = sum(shares[:, [n]] * said for n, said in enumerate(chosen))
        assert close(found[task], module.norm(mixture))


def test_experts_of_another_task_have_no_say_and_shared_ones_have():
    module = CGC(TASKS, 6, shared=1, own=2).eval()
    before = module(X)
    module.level.own.blocks[0].leave.data[2:4] += torch.randn(2, 12, 6)  # the experts of b
    after = module(X)
    assert torch.equal(after["a"], before["a"])
    assert torch.equal(after["c"], before["c"])
    assert not torch.allclose(after["b"], before["b"])
    module.level.shared.blocks[0].leave.data += torch.randn(1, 12, 6)
    assert all(not torch.allclose(module(X)[task], after[task]) for task in TASKS)


def test_it_is_one_level_of_ple():
    module, other = CGC(TASKS, 6, own=2).eval(), PLE(TASKS, 6, own=2, levels=1).eval()
    state = module.state_dict()
    other.load_state_dict({key.replace("level.", "levels.0."): state[key] for key in state})
    assert all(torch.equal(module(X)[task], other(X)[task]) for task in TASKS)


def test_options_change_the_size():
    def size(**options):
        return sum(weight.numel() for weight in CGC(TASKS, 6, **options).parameters())

    one = 6 * 12 + 12 + 12 * 6 + 6  # an expert
    gate = 3 * 6  # a column of each task's gate
    assert size(shared=3) - size(shared=2) == one + gate
    assert size(own=3) - size(own=2) == 3 * one + gate
    assert size(layers=2) - size(layers=1) == (2 + 3) * one
