"""A long vector in few numbers: what they are, and what they do not depend on."""

import pytest
import torch
from sklearn.decomposition import PCA

from plait.data import Masked
from plait.modalities._principal import LEAST, MOST, Principal


def vectors(rows: int, size: int, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    mixed = torch.randn(rows, 5, generator=draw) @ torch.randn(5, size, generator=draw)
    return 3 + mixed + 0.1 * torch.randn(rows, size, generator=draw)


@pytest.mark.parametrize("rows", [40, 400])
def test_the_numbers_are_principal_components_of_scaled_vectors(rows):
    seen = vectors(rows, 60)
    layer = Principal(60, 8, rows=rows)
    layer.settle(seen)
    scaled = (seen - seen.mean(0)) / seen.std(0, correction=0)
    expected = torch.from_numpy(
        PCA(layer.ways.shape[1], svd_solver="full").fit_transform(scaled)
    ).float()
    expected = expected / expected[:, 0].std(correction=0)
    found = layer.short(seen)
    for one, other in zip(found.T[:5], expected.T[:5], strict=True):
        assert torch.allclose(one.abs(), other.abs(), atol=1e-3)
    assert found[:, 0].std(correction=0) == pytest.approx(1, abs=1e-4)
    assert found.mean(0).abs().max() < 1e-4


@pytest.mark.parametrize(("rows", "count"), [(2, LEAST), (375, 15), (1_999, MOST)])
def test_how_many_are_left_goes_by_the_rows(rows, count):
    assert Principal(1280, 8, rows=rows).ways.shape == (1280, count)
    assert Principal(4, 8, rows=rows).ways.shape == (4, 4)


def test_it_settles_once_and_before_that_it_is_of_use():
    layer = Principal(30, 8, rows=100).eval()
    seen = vectors(100, 30)
    cells = Masked(seen, torch.ones(100).bool())
    assert layer(cells).values.std() > 0
    layer.settle(seen[:1])  # of one row nothing is told
    assert not layer.settled
    layer.settle(seen)
    before = layer(cells).values
    layer.settle(vectors(100, 30, seed=1))
    assert torch.equal(layer(cells).values, before)
    again = Principal(30, 8, rows=100).eval()
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again(cells).values, before)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_scale_and_what_never_changes_have_no_say(scale):
    seen = vectors(50, 20)
    seen[:, 7] = 4.0
    layer, other = Principal(20, 4, rows=50), Principal(20, 4, rows=50)
    layer.settle(seen)
    other.settle(seen * scale)
    assert torch.allclose(layer.short(seen), other.short(seen * scale), atol=1e-3)
    far = seen.clone()
    far[:, 7] = 1e9
    assert torch.allclose(layer.short(seen), layer.short(far), atol=1e-3)


def test_rows_that_are_all_alike_give_numbers():
    layer = Principal(20, 4, rows=50)
    layer.settle(torch.ones(50, 20))
    assert layer.short(torch.randn(5, 20)).isfinite().all()
    few = Principal(20, 4, rows=50)
    few.settle(vectors(3, 20))  # fewer rows than numbers
    assert few.short(vectors(9, 20)).isfinite().all()


@pytest.mark.parametrize("junk", [float("nan"), float("inf"), 1e30])
def test_what_is_not_there_has_no_say(junk):
    layer = Principal(20, 4, rows=50).eval()
    layer.settle(vectors(50, 20))
    values, mask = vectors(3, 20), torch.tensor([True, False, True])
    soiled = values.clone()
    soiled[1] = junk
    clean, found = layer(Masked(values, mask)), layer(Masked(soiled, mask))
    assert torch.equal(clean.values[mask], found.values[mask])
    assert found.values.isfinite().all()
