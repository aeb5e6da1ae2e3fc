"""What a training holds: averages that follow, parts that grow when memory runs out."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from plait import ConfigError, NonFiniteError
from plait.balancing import Sum
from plait.training import Training, _compile, _memory, _state
from plait.training._average import Average
from plait.training._memory import out_of_memory
from plait.training._state import State

SETTINGS = Training(
    epochs=1, batch_size=16, learning_rate=5e-3, device="cpu", precision="float32"
).resolve(60)
ROWS = torch.arange(60)


def state(kit, model=None, **changes) -> State:
    model = kit.model(dropout=0.2) if model is None else model
    made = State.of(model, Sum(tuple(kit.schema.tasks)), replace(SETTINGS, **changes))
    made.pace(0.3)
    return made


def rule(share: float):
    def follow(averaged, current, steps):
        keep = min(share, (1 + int(steps)) / (10 + int(steps)))
        torch._foreach_lerp_(averaged, current, 1 - keep)

    return follow


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_the_average_is_that_of_torch(share):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2).double())
    model[0].bias.requires_grad_(False)
    ours, theirs = Average(model, share), AveragedModel(model, multi_avg_fn=rule(share))
    for step in range(30):
        model[0].bias.requires_grad_(step > 12)  # thawed on the way
        ours.thaw()
        with torch.no_grad():
            for weight in model.parameters():
                if weight.requires_grad:
                    weight.add_(torch.randn_like(weight))
            model[1].running_mean.add_(1)
        ours.update_parameters(model)
        theirs.update_parameters(model)
        for (name, one), two in zip(
            ours.state_dict().items(), theirs.state_dict().values(), strict=True
        ):
            assert torch.allclose(one, two, atol=1e-7), name
    assert ours.n_averaged == 30


def test_a_buffer_that_is_put_in_place_of_another_is_followed():
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))
            self.register_buffer("seen", torch.zeros(1))

    model = Counts()
    average = Average(model, 0.5)
    for _ in range(3):
        model.seen = model.seen + 1
        average.update_parameters(model)
    assert average.module.seen.item() == 3


def test_weights_that_were_frozen_all_along_are_left_alone():
    model = nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    average = Average(model, 0.5)
    average.update_parameters(model)
    before = average.module.weight._version
    average.update_parameters(model)
    assert average.module.weight._version == before
    assert average.module.weight.data_ptr() == model.weight.data_ptr()  # no copy of a large encoder


def test_a_weight_thawed_between_steps_is_averaged_from_where_it_was(kit):
    model = kit.model()
    still = next(iter(model.parameters())).requires_grad_(False)
    made = state(kit, model, average=0.9)
    made.step(kit.schema, kit.pack[torch.arange(8)], 1)
    before = still.detach().clone()
    still.requires_grad_(True)
    made.optimizer.add_param_group({"params": [still], "pace": 1.0})
    made.pace(0.3)
    made.step(kit.schema, kit.pack[torch.arange(8)], 2)
    averaged = dict(zip(model.parameters(), made.averaged.module.parameters(), strict=True))[still]
    assert not torch.equal(still, before)
    keep = 2 / 11  # after one step
    assert torch.allclose(averaged, keep * before + (1 - keep) * still, atol=1e-7)


class Narrow(nn.Module):
    """A model that has room for so many rows at a time."""

    def __init__(self, model: nn.Module, room: int, error: Exception) -> None:
        super().__init__()
        self.model, self.room, self.error = model, room, error
        self.seen: list[int] = []

    def forward(self, inputs):
        rows = len(next(iter(inputs.values())))
        self.seen.append(rows)
        if rows > self.room:
            raise self.error
        return self.model(inputs)


FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 9"),
    RuntimeError("std::bad_alloc"),
    MemoryError("Unable to allocate 2.00 GiB for an array"),
]


@pytest.mark.parametrize("error", FULL)
def test_a_batch_that_does_not_fit_is_cut_and_the_step_stays_the_same(kit, error):
    narrow = Narrow(kit.model(), 20, error)
    cut, whole = state(kit, narrow), state(kit, kit.model(), accumulate=4)
    batch = kit.pack[ROWS]
    assert cut.step(kit.schema, batch, 3) == whole.step(kit.schema, batch, 3)
    assert cut.parts.count == 4
    assert narrow.seen == [60, 30, 15, 15, 15, 15]
    for one, two in zip(narrow.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, two)
    cut.step(kit.schema, batch, 4)  # what was learned about memory is kept
    assert narrow.seen[6:] == [15, 15, 15, 15]


def test_the_numbers_of_a_step_begin_again_with_the_repetition(kit):
    narrow = Narrow(kit.model(dropout=0.5), 30, FULL[0])
    cut, whole = state(kit, narrow), state(kit, kit.model(dropout=0.5), accumulate=2)
    batch = kit.pack[ROWS]
    assert cut.step(kit.schema, batch, 3) == whole.step(kit.schema, batch, 3)
    other = state(kit, kit.model(dropout=0.5), accumulate=2)
    assert cut.step(kit.schema, batch, 5) != other.step(kit.schema, batch, 5)


def test_no_room_for_a_row_is_told(kit):
    narrow = Narrow(kit.model(), 0, FULL[0])
    cut = state(kit, narrow)
    before = deepcopy(narrow.state_dict())
    with pytest.raises(ConfigError, match=r"memory for one row at a time.*60 rows.*CUDA out of"):
        cut.step(kit.schema, kit.pack[ROWS], 0)
    assert all(torch.equal(before[name], value) for name, value in narrow.state_dict().items())
    assert cut.averaged.n_averaged == 0


def test_a_batch_is_cut_in_two_eight_times_at_most(kit, monkeypatch):
    monkeypatch.setattr(_memory, "MOST", 2)
    narrow = Narrow(kit.model(), 0, FULL[0])
    with pytest.raises(ConfigError, match=r"memory for a part at a time.*60 rows.*into 4 parts"):
        state(kit, narrow).step(kit.schema, kit.pack[ROWS], 0)
    assert narrow.seen == [60, 30, 15]


@pytest.mark.parametrize("says", ["size mismatch", "could not create a primitive"])
def test_another_error_is_not_taken_for_it(kit, says):
    error = RuntimeError(says)
    narrow = Narrow(kit.model(), 0, error)
    with pytest.raises(RuntimeError, match=says) as told:
        state(kit, narrow).step(kit.schema, kit.pack[ROWS], 0)
    assert told.value is error
    assert narrow.seen == [60]


def test_what_may_be_a_lack_of_memory_is_one_where_there_is_little(monkeypatch):
    monkeypatch.setattr(_memory, "ROOM", 1 << 62)
    assert out_of_memory(RuntimeError("could not create a primitive"))
    assert not out_of_memory(RuntimeError("size mismatch"))


def test_an_optimizer_without_room_is_told_and_nothing_is_repeated(kit):
    full = state(kit)

    def step():
        raise FULL[0]

    full.optimizer.step = step
    with pytest.raises(ConfigError, match="The optimizer should have room"):
        full.step(kit.schema, kit.pack[ROWS], 0)
    assert full.parts.count == 1


def test_without_a_compiler_compiling_is_refused(kit, monkeypatch):
    def compile(*args, **options):
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found in g++\nmore")

    monkeypatch.setattr(_compile.torch, "compile", compile)
    with pytest.raises(ConfigError, match=r"`compile=True` needs .* No working C\+\+ compiler"):
        state(kit, compile=True)


def noted(balancer: Sum) -> dict:
    return {name: value.clone() for name, value in balancer.state_dict().items()}


def test_a_step_that_is_not_finite_leaves_no_trace_where_it_is_to_be_left_out(kit, monkeypatch):
    made = state(kit, non_finite="skip")
    assert made.step(kit.schema, kit.pack[ROWS], 1) is not None
    before, weights = noted(made.balancer), deepcopy(made.model.state_dict())
    averages = deepcopy(made.averaged.copies())

    def broken(*given: object, **options: object) -> None:
        made.balancer.held.fill_(torch.nan)  # a rule may note what is not finite
        raise NonFiniteError("The loss of 'price' is not finite.")

    with monkeypatch.context() as patch:
        patch.setattr(_state, "train_step", broken)
        assert made.step(kit.schema, kit.pack[ROWS], 2) is None
    assert made.skipped == 1
    for name, value in noted(made.balancer).items():
        assert torch.equal(value, before[name])
    assert all(torch.equal(value, weights[name]) for name, value in made.model.state_dict().items())
    assert all(torch.equal(value, averages[name]) for name, value in made.averaged.copies().items())
    assert made.step(kit.schema, kit.pack[ROWS], 3) is not None
    assert made.skipped == 0


@pytest.mark.parametrize(("choice", "allowed"), [("skip", 20), ("stop", 0)])
def test_too_many_steps_in_a_row_that_are_not_finite_end_it(kit, monkeypatch, choice, allowed):
    made = state(kit, non_finite=choice)

    def broken(*given: object, **options: object) -> None:
        raise NonFiniteError("The loss of 'price' is not finite.")

    monkeypatch.setattr(_state, "train_step", broken)
    for number in range(allowed):
        assert made.step(kit.schema, kit.pack[ROWS], number) is None
    with pytest.raises(NonFiniteError):
        made.step(kit.schema, kit.pack[ROWS], allowed)
