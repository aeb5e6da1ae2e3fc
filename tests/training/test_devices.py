"""Cells may lie on a device as a whole: nothing on the way of a step asks for the processor."""

from typing import ClassVar

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from plait.balancing import Sum
from plait.data import Batch, Kept, Masked, noise
from plait.modalities import Categorical, Image, Text, Vector
from plait.schema import Schema
from plait.tasks import Regression
from plait.training import augment, train_step

DEVICE = "meta"
ROWS = torch.arange(60)


class Hidden(Vector):
    HIDE: ClassVar[bool] = True


@pytest.fixture
def mixed():
    return Schema(
        {
            "photo": Image(columns=("photo",), size=16, shift=0.2),
            "city": Categorical(columns=("city",)),
            "note": Text(columns=("note",), forget=0.3),
        },
        {"y": Regression(column="y")},
    )


def cells(device: str, rows: int = 5) -> dict[str, Masked]:
    def there(*shape: int) -> torch.Tensor:
        return torch.ones(rows, *shape, dtype=torch.bool, device=device)

    return {
        "photo": Masked(torch.zeros(rows, 3, 16, 16, dtype=torch.uint8, device=device), there()),
        "city": Masked(torch.zeros(rows, 2, dtype=torch.int64, device=device), there(2)),
        "note": Masked(torch.zeros(rows, 7, dtype=torch.int64, device=device), there(7)),
    }


@pytest.mark.parametrize("place", ["cpu", DEVICE])
def test_what_is_varied_stays_where_it_lies(mixed, place):
    # The device without values refuses to be mixed with others, as real ones do.
    rows = torch.arange(5, device=place)
    inputs = cells(DEVICE)
    batch = Batch({n: c.take(rows.to(DEVICE)) for n, c in inputs.items()}, {}, rows)
    seen = augment(mixed, batch, seed=0, epoch=1, input_dropout=0.4)
    for name, each in seen.inputs.items():
        assert {each.values.device, each.mask.device} == {torch.device(DEVICE)}, name
        assert each.values.shape == inputs[name].values.shape


def test_noise_is_drawn_where_the_rows_are():
    assert noise(3, 1, torch.arange(4, device=DEVICE), 2).device == torch.device(DEVICE)
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(3, device=DEVICE) * torch.ones(3)


def test_what_was_kept_stays_kept_when_it_is_hidden(mixed):
    photo = Kept(torch.randn(60, 4), torch.ones(60).bool())
    given = {**cells("cpu", 60), "photo": photo}
    plain = Schema({**mixed.inputs, "photo": Hidden(columns=("photo",))}, mixed.tasks)
    seen = augment(plain, Batch(given, {}, ROWS), seed=0, epoch=0, input_dropout=0.5)
    assert isinstance(seen.inputs["photo"], Kept)
    assert not seen.inputs["photo"].mask.all()


class Waits(TorchDispatchMode):
    """Counts what makes the processor wait for a device: reading a number, or counting rows."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.__name__.partition(".")[0]
        by_mask = name == "index" and any(
            each is not None and each.dtype == torch.bool for each in args[1]
        )
        reads = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "unique2")
        self.count += by_mask or name in reads
        return func(*args, **(kwargs or {}))


def test_a_step_waits_for_the_device_twice(words, monkeypatch):
    lists = []
    listed = torch.Tensor.tolist

    def tolist(tensor):
        lists.append(tensor)
        return listed(tensor)

    batch, model = words.pack[ROWS], words.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monkeypatch.setattr(torch.Tensor, "tolist", tolist)
    with Waits() as waits:
        train_step(words.schema, model, batch, Sum(model.tasks), optimizer)
    # Once for the rows that are there, and once for losses and norm.
    assert (waits.count, len(lists)) == (0, 2)
