"""MMoE against its formula, expert by expert and row by row."""

import pytest
import torch
from torch.nn.functional import layer_norm

from plait.sharing import MMoE

from .by_hand import close, expert

X = torch.randn(5, 6)


@pytest.mark.parametrize(("experts", "layers"), [(1, 1), (3, 1), (4, 2)])
def test_formula(experts, layers):
    module = MMoE(("a", "b"), 6, experts=experts, layers=layers).eval()
    found = module(X)
    for place, task in enumerate(("a", "b")):
        gate = module.gates.weight[place * experts : (place + 1) * experts]  # of this task
        for row in range(5):
            logits = gate @ layer_norm(X[row], [6])
            shares = logits.exp() / logits.exp().sum()
            mixture = sum(
                shares[number] * expert(module.experts, number, X[row : row + 1])[0]
                for number in range(experts)
            )
            assert close(found[task][row], module.norm(mixture))
            assert close(module.weights(X)[row, place], shares)


def test_a_gate_that_is_sure_picks_one_expert():
    module = MMoE(("a", "b"), 6, experts=2).eval()
    x = torch.tensor([[3.0, -3.0, 0.0, 0.0, 0.0, 0.0]])  # normalized, its first entry is 1.73
    module.gates.weight.data.zero_()
    module.gates.weight.data[1, 0] = 100.0  # task a, the second expert
    module.gates.weight.data[2, 0] = 100.0  # task b, the first expert
    assert module.weights(x).tolist() == [[[0.0, 1.0], [1.0, 0.0]]]
    assert close(module(x)["a"], module.norm(expert(module.experts, 1, x)))
    assert close(module(x)["b"], module.norm(expert(module.experts, 0, x)))
