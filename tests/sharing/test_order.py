"""Tasks may be given in another order, if what is theirs moves with them."""

from fnmatch import fnmatch

import pytest
import torch
from torch import Tensor

from . import laws
from .test_laws import BUILDS, KINDS

ORDER = torch.tensor([2, 0, 1])
NAMES = ("a", "b", "c")


def first(weight: Tensor) -> Tensor:
    """Of weights that stand task after task."""
    return weight.unflatten(0, (3, -1)).index_select(0, ORDER).flatten(0, 1)


def squares(weight: Tensor) -> Tensor:
    """Of matrices from task to task."""
    return weight.view(-1, 3, 3)[:, ORDER][:, :, ORDER].flatten()


def before_the_shared(weight: Tensor) -> Tensor:
    """Of the rows of a gate over private experts, and then two shared ones."""
    return torch.cat([first(weight[:-2]), weight[-2:]])


# What is there for each task, and how it moves; a new kind is met by its export.
MOVES = {
    "Bottom": {},
    "CGC": {"level.own.*": first, "level.gates": first},
    "CrossStitch": {"towers.*": first, "units.*": squares},
    "DSelectK": {"bits.*": first, "ratio.*": first},
    "FiLMAdapters": {"*.gain": first, "*.shift": first},
    "LoRAAdapters": {"*.up": first, "*.down": first},
    "MMoE": {"gates.*": first},
    "PLE": {
        "levels.*.own.*": first,
        "levels.*.gates": first,
        "levels.*.shared_gate.*": before_the_shared,
    },
    "TaskQueries": {"queries": first},
}


def test_every_export_has_its_moves():
    assert set(MOVES) == set(KINDS)


@pytest.mark.parametrize("name", [*KINDS, "CrossStitch: channels", "DSelectK: rows choose"])
def test_order_does_not_matter(name):
    moves = MOVES[name.partition(":")[0]]
    module, given = laws.stirred(BUILDS[name](NAMES, 8)), laws.rows()
    other = BUILDS[name]([NAMES[place] for place in ORDER], 8).eval()
    state, used = {}, set()
    for key, weight in module.state_dict().items():
        found = [pattern for pattern in moves if fnmatch(key, pattern)]
        used.update(found)
        state[key] = moves[found[0]](weight) if found else weight
    assert used == set(moves)
    other.load_state_dict(state)
    mine, theirs = module(*given), other(*given)
    assert tuple(theirs) == ("c", "a", "b")
    for task in NAMES:
        assert torch.allclose(theirs[task], mine[task], atol=1e-5)
        assert name == "Bottom" or not torch.allclose(mine[task], mine["a"]) or task == "a"
