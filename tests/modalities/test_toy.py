"""One file and one line: a modality of one's own, and all laws of the wing hold it to account."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from pydantic.dataclasses import dataclass
from torch import nn

from plait import modalities
from plait.data import Masked, Note, Packed, Table
from plait.data._cells import numbers
from plait.modalities import Modality
from plait.modalities._base import STRICT


@dataclass(frozen=True, config=STRICT)
class Angle(Modality):
    """A column of angles in degrees: 359 and 1 are neighbors."""

    turns: int = 1
    rows: int = 0

    def fit(self, table: Table) -> "Angle":
        assert self.column
        return replace(self, rows=len(table))

    def pack(self, table: Table) -> Packed:
        if not self.rows:
            raise self.unfitted()
        degrees, _ = numbers(table[self.column])
        there = np.isfinite(degrees)
        angle = np.radians(np.where(there, degrees, 0.0)) * self.turns
        values = torch.from_numpy(np.stack([np.sin(angle), np.cos(angle)], 1).astype(np.float32))
        absent = int((~there).sum())
        notes = (Note(self.column, "missing", absent),) if absent else ()
        return Packed(Masked(values, torch.from_numpy(there)), notes)

    def build(self, width: int) -> nn.Module:
        if not self.rows:
            raise self.unfitted()
        return AngleEncoder(width)


class AngleEncoder(nn.Module):
    """One token per row."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(2, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, cells: Masked) -> Masked:
        known = cells.values.where(cells.mask.unsqueeze(1), 0.0)
        return Masked(self.project(known).unsqueeze(1), cells.mask.unsqueeze(1))


class Leaky(Angle):
    """The same with a fault: what stands in a hole has a say."""

    def build(self, width: int) -> nn.Module:
        return LeakyEncoder(width)


class LeakyEncoder(AngleEncoder):
    """Means over the batch, holes and all."""

    def forward(self, cells: Masked) -> Masked:
        tokens = self.project(cells.values - cells.values.mean(0))
        return Masked(tokens.unsqueeze(1), cells.mask.unsqueeze(1))


COLUMNS = {"x": [1.0, 359.0, None, 90.0, 180.0, 33.0]}


def laws(name: str) -> ModuleType:
    """A file of laws, loaded anew: what is exported by then is found."""
    spec = spec_from_file_location(f"{name}_over_a_toy", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(law: Callable) -> tuple[str, ...]:
    return law.__code__.co_varnames[: law.__code__.co_argcount]


ENCODER_LAWS = laws("test_encoder_laws")
# Every law that looks at one declaration is collected here a second time, with the toy for it.
globals().update(
    {
        name: law
        for module in (laws("test_laws"), ENCODER_LAWS)
        for name, law in vars(module).items()
        if name.startswith("test_") and "case" in arguments(law)
    }
)


@pytest.fixture
def case(make_case):
    return make_case(Angle(columns=("x",)), COLUMNS)


def test_an_export_is_found_and_asked_for_examples(monkeypatch, examples):
    monkeypatch.setattr(modalities, "Angle", Angle, raising=False)
    again = laws("test_laws")
    assert again.KINDS["Angle"] is Angle
    with pytest.raises(AssertionError):
        again.test_every_export_has_examples(examples)
    again.OTHER["Angle"], again.FOUND["Angle"] = {"columns": ("y",), "turns": 2}, {"rows"}
    examples = {**examples, "Angle": [(Angle(columns=("x",)), COLUMNS)]}
    again.test_every_export_has_examples(examples)
    again.test_default_constructible_and_unfitted_says_so(Angle)


@pytest.mark.parametrize("turns", [1, 2])
def test_an_option_without_effect_is_caught(turns, as_batch):
    again = laws("test_laws")
    again.KINDS = {"Angle": Angle}
    again.OTHER["Angle"], again.FOUND["Angle"] = {"columns": ("y",), "turns": turns}, {"rows"}
    some = {"Angle": [(Angle(columns=("x",)), COLUMNS)]}
    if turns == 2:
        again.test_every_option_changes_something("Angle", some, as_batch)
        return
    with pytest.raises(AssertionError, match="turns"):
        again.test_every_option_changes_something("Angle", some, as_batch)


def test_a_fault_is_caught(make_case):
    faulty = make_case(Leaky(columns=("x",)), COLUMNS)
    with pytest.raises(AssertionError):
        ENCODER_LAWS.test_what_is_masked_has_no_say(faulty, float("nan"))
    with pytest.raises(AssertionError):
        ENCODER_LAWS.test_rows_do_not_mix_and_padding_does_not_matter(faulty)
