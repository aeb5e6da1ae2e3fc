"""Pretrained weights learn more slowly than new ones."""

import re

import pytest
import torch

from plait import Image, Table, Training
from plait.balancing import Sum
from plait.training._schedule import parameter_groups
from plait.training._state import State


@pytest.mark.parametrize(
    ("tune", "pace", "count"),
    [("full", 0.025, 37), ("last:1", 0.025, 16), ("lora", None, 0), ("frozen", None, 0)],
)
def test_only_what_was_pretrained_is_slow(kit, tune, pace, count):
    options = {"layer_decay": 1.0} if pace else {}
    made = kit(tune=tune, **options)
    groups = parameter_groups([made.model], 0.1)
    slow = [group for group in groups if group["pace"] != 1]
    assert {group["pace"] for group in slow} == ({pace} if pace else set())
    assert sum(len(group["params"]) for group in slow) == count
    told = [id(weight) for group in groups for weight in group["params"]]
    trained = [id(weight) for weight in made.model.parameters() if weight.requires_grad]
    assert sorted(told) == sorted(trained)
    assert groups[0]["pace"] == 1


def test_the_rate_of_a_step_follows_the_pace(kit):
    made = kit(tune="last:1")
    chosen = Training(device="cpu", learning_rate=0.1, warmup=0.0).resolve(100)
    state = State.of(made.model, Sum(("sold",)), chosen)
    state.pace(0.0)
    rates = sorted({group["lr"] for group in state.optimizer.param_groups})
    assert rates == pytest.approx([0.0025, 0.1])
    new, old = made.encoder.tuned[2].project[1].weight, next(made.encoder.tuned[0].parameters())
    before = new.clone(), old.clone()
    new.grad, old.grad = torch.ones_like(new), torch.ones_like(old)
    state.optimizer.step()
    moved = [(one - other).abs().mean() for one, other in zip((new, old), before, strict=True)]
    assert moved[0] > 20 * moved[1] > 0


def rates(model) -> dict[str, float]:
    """The share of the learning rate that each weight takes, by its name."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    return {
        names[id(weight)]: group["pace"]
        for group in parameter_groups([model], 0.1)
        for weight in group["params"]
    }


def height(name: str) -> int | None:
    """The block that a weight of a small BERT or ViT belongs to; -1 below the first."""
    found = re.search(r"(?:layers?|blocks)\.(\d)\.", name)
    if found:
        return int(found[1])
    return -1 if "embeddings" in name else None


@pytest.mark.parametrize("decay", [None, 0.5])
def test_each_block_of_a_text_encoder_is_slower_than_the_one_above(kit, decay):
    made = kit(tune="full", layer_decay=decay)
    share = 0.95 if decay is None else decay
    expected = {1: 0.025, 0: 0.025 * share, -1: 0.025 * share**2, None: 1.0}
    found = rates(made.encoder)
    assert {height(name) for name in found} == {*expected}
    for name, rate in found.items():
        assert rate == pytest.approx(expected[height(name)]), name


@pytest.mark.parametrize("decay", [None, 0.5])
def test_each_block_of_a_picture_encoder_is_slower_than_the_one_above(picture_folder, photo, decay):
    table = Table.of({"x": [photo()]})
    part = Image(columns=("x",), encoder=picture_folder, tune="full", layer_decay=decay).fit(table)
    share = 0.75 if decay is None else decay
    expected = {1: 0.025, 0: 0.025 * share, -1: 0.025 * share**2, None: 0.025}
    found = rates(part.build(8)[0])
    assert {height(name) for name in found} == {*expected}
    for name, rate in found.items():  # the last norm moves with the last block
        assert rate == pytest.approx(expected[height(name)]), name


def test_the_last_blocks_have_rates_of_their_own(making, kit, tmp_path):
    encoder = making(tmp_path, num_hidden_layers=3)
    found = rates(kit(encoder, tune="last:2", layer_decay=0.5).model.encoders[0])
    blocks = {name: rate for name, rate in found.items() if "blocks" in name}
    assert {(height(name), rate) for name, rate in blocks.items()} == {(0, 0.0125), (1, 0.025)}


def test_blocks_that_share_their_weights_share_their_rate(making, kit, tmp_path):
    encoder = making(tmp_path, "albert", embedding_size=16, num_hidden_layers=3)
    found = rates(kit(encoder, tune="full", layer_decay=0.5).model.encoders[0])
    assert {rate for name, rate in found.items() if "albert_layer" in name} == {0.025}
    assert {rate for name, rate in found.items() if "word_embeddings" in name} == {0.0125}
