import json

import pytest
import torch

from plait import ArtifactError, ConfigError, Schema
from plait._assemble import assemble, checked_names, described, ordered
from plait._said import Said
from plait.fusion import Mean
from plait.training import Training

TABLE = {"a": [1.0, 2.0, 4.0], "b": ["x", "y", "x"], "y": [0.5, 1.0, 3.0]}


class Attention(Mean):
    """A class of one's own that bears the name of one of ours."""


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema.infer(TABLE, ["y"], {"b": "categorical"}).fit(TABLE)


def test_names_classes_and_mappings_build_the_same(schema):
    found = []
    for choice in ("mean", "Mean", Mean, {"name": "Mean"}, {"name": Mean}):
        torch.manual_seed(0)
        model, balancer = assemble(schema, 8, choice, "Bottom", "Sum")
        assert type(model.fusion) is Mean
        assert balancer.tasks == ("y",)
        found.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert all(torch.equal(found[0], each) for each in found)


def test_an_object_is_copied(schema):
    mine = Mean(tuple(schema.inputs), 8)
    model, _ = assemble(schema, 8, mine, "Bottom", "Sum")
    assert model.fusion is not mine
    assert model.fusion.nothing is not mine.nothing


def test_a_choice_that_is_none_is_refused():
    for choice in (None, 3, {}, {"name": None}, {"name": 3}, int, ["Mean"]):
        with pytest.raises(ConfigError, match="A Fusion should be chosen by its name"):
            checked_names(Said(["y"], {}, choice, "Bottom", "Sum"))
    checked_names(Said(["y"], {}, "mean", {"name": "Bottom", "layers": 1}, "sum"))


def test_a_name_of_a_file_imports_nothing(schema):
    with pytest.raises(ArtifactError, match=r"your own class 'antigravity_x:F'"):
        assemble(schema, 8, "antigravity_x:F", "Bottom", "Sum", (), True)
    model, _ = assemble(schema, 8, "antigravity_x:Attention", "Bottom", "Sum", (Attention,), True)
    assert type(model.fusion) is Attention


def test_choices_are_described_in_words_that_find_the_class_again(schema):
    choices = {"fusion": Attention, "sharing": {"name": Attention, "layers": 1}, "seed": 3}
    found = described(choices, schema, Training().resolve(10), {"width": 8})
    assert found["fusion"] == f"{__name__}:Attention"
    assert found["sharing"] == {"name": f"{__name__}:Attention", "layers": 1}
    assert described({"fusion": Mean}, schema, Training(), {"width": 8})["fusion"] == "Mean"
    json.dumps(found, allow_nan=False)


def test_inputs_are_put_in_the_order_of_a_list_that_names_them_all(schema):
    names = list(schema.inputs)
    turned = dict.fromkeys(reversed(names))
    assert list(ordered(schema, turned).inputs) == names[::-1]
    assert ordered(schema, {names[0]: None}) is schema
