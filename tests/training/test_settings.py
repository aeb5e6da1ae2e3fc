import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from plait import Config, ConfigError
from plait.training import Training, _probe
from plait.training._probe import measured, probe

SETTINGS = Training(device="cpu", precision="float32")


def test_a_batch_that_is_to_be_measured_is_not_settled():
    assert replace(SETTINGS, batch_size=7).size == 7
    for choice in ("auto", None):
        with pytest.raises(ConfigError, match=f"should be settled by now. Got {choice!r}"):
            _ = replace(SETTINGS, batch_size=choice).size
    with pytest.raises(ConfigError, match="should be settled"):
        replace(SETTINGS, batch_size="auto").resolve(100)
    config = Config.read("training: {batch_size: auto, compile: true}")
    assert (config.training.batch_size, config.training.compile) == ("auto", True)


class Clock:
    """Seconds that a step takes: a little for itself, and a little for each row."""

    def __init__(self, per_step: float, per_row: float) -> None:
        self.per_step, self.per_row, self.now, self.rows = per_step, per_row, 0.0, 0

    def perf_counter(self) -> float:
        return self.now

    def step(self, schema, model, batch, *args, **options) -> None:
        if len(batch) > 500:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.now += self.per_step + self.per_row * len(batch)


@pytest.mark.parametrize(
    ("per_step", "wanted"),
    [(0.0, 32), (0.02, 128), (1e9, 256)],  # 60 rows times 20, and no room for 512
)
def test_the_smallest_batch_that_is_as_fast_as_any_is_taken(kit, monkeypatch, per_step, wanted):
    clock = Clock(per_step, 0.001)
    monkeypatch.setattr(_probe, "time", clock)
    monkeypatch.setattr(_probe, "train_step", clock.step)
    large = replace(kit.pack, rows=1200, inputs={n: c.take(torch.arange(1200) % 60)
                    for n, c in kit.pack.inputs.items()},
                    targets={n: c.take(torch.arange(1200) % 60)
                    for n, c in kit.pack.targets.items()})  # fmt: skip
    assert probe(kit.schema, kit.model(), large, SETTINGS) == wanted


def test_the_model_that_is_measured_stays_as_it_was(kit):
    model = kit.model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    settings = measured(kit.schema, model, kit.pack, replace(SETTINGS, batch_size="auto"))
    assert settings.batch_size == 32  # the pack has 60 rows
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[n], value) for n, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert measured(kit.schema, model, kit.pack, SETTINGS) is SETTINGS


COMPILED = """
from dataclasses import replace
import torch
from plait import Model, Schema
from plait.balancing import Sum
from plait.fusion import Mean
from plait.training import Training
from plait.training._state import State

x = [float(n % 7) if n % 5 else None for n in range(40)]
table = {"x": x, "y": [n * 0.1 for n in range(40)]}
schema = Schema.infer(table, ["y"]).fit(table)
pack = schema.pack(table)
settings = Training(epochs=1, batch_size=16, learning_rate=0.01, device="cpu", precision="float32")
told, states = {}, {}
for compile in (False, True):
    torch.manual_seed(0)
    model = Model(schema, 8, fusion=Mean)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    state = State.of(model, Sum(["y"]), replace(settings, compile=compile).resolve(40))
    state.pace(0.5)
    told[compile] = [state.step(schema, pack[torch.arange(n)], n)[0]["y"] for n in (16, 17, 20)]
    states[compile] = state
assert max(abs(a - b) for a, b in zip(*told.values())) < 1e-5, told
assert states[False].compiled is None
assert 0 < states[True].compiled.programs < 20
assert list(states[True].averaged.copies()) == list(states[False].averages())
assert type(states[True].averaged.module) is Model
assert list(states[True].model.state_dict()) == list(states[False].model.state_dict())
print("programs", states[True].compiled.programs)
"""


@pytest.mark.slow
def test_a_compiled_model_takes_the_same_steps():
    # In a process of its own: the type checks of the tests are no thing to compile.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-c", COMPILED]
    done = subprocess.run(run, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
