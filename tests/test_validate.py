import re

import pytest

from plait import Config, Training, modalities
from plait._errors import ConfigError
from plait._validate import checked
from plait.tasks import Multiclass


def test_all_problems_are_told_at_once():
    options = {"training": {"epochs": "abc", "epoch": 1}, "seed": -1, "modle": {}}
    with pytest.raises(ConfigError) as caught:
        checked(Config, options, "the configuration")
    told = str(caught.value)
    assert told.startswith("4 problems:")
    assert "Option 'training.epochs' of the configuration" in told
    assert (
        "There is no option 'training.epoch' for the configuration. Did you mean 'epochs'?" in told
    )
    assert "Option 'seed'" in told
    assert "Did you mean 'model'?" in told


def test_an_option_in_the_wrong_place_is_shown_the_right_one():
    with pytest.raises(ConfigError, match=r"'valid' for it\. Did you mean 'data\.valid'\?"):
        checked(Config, {"valid": 0.2}, "it")


def test_without_a_near_miss_all_are_listed():
    with pytest.raises(ConfigError, match=r"'qqq' for it\. Known: balancing, budget"):
        checked(Config, {"qqq": 1}, "it")


@pytest.mark.parametrize(("made", "options", "place"), [
    (Training, {"epochs": True}, "epochs"),
    (Config, {"training": {"learning_rate": True}}, "training.learning_rate"),
    (Config, {"seed": False}, "seed"),
])  # fmt: skip
def test_true_is_no_number(made, options, place):
    with pytest.raises(ConfigError, match=f"Option '{place}' of it: Input should be a number"):
        checked(made, options, "it")


def test_one_problem_of_a_union_is_enough_and_its_place_is_the_users():
    with pytest.raises(ConfigError) as caught:
        checked(Config, {"inputs": {"str": [1], "int": 5}}, "it")
    told = str(caught.value)
    assert told.startswith("2 problems:")
    assert "'inputs.str'" in told
    assert "'inputs.int'" in told


def test_a_place_inside_a_mapping_is_named():
    with pytest.raises(ConfigError, match=r"Option 'class_weights\.a' of it"):
        checked(Multiclass, {"class_weights": {"a": -1.0}}, "it")


def test_a_long_value_is_cut():
    with pytest.raises(ConfigError) as caught:
        checked(Config, {"seed": ["x"] * 10_000}, "it")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("Text", "'scratch', 'bag' or 'transformer', or 'hf:...' or 'static:...'. Got 'hugging:x'"),
        ("Image", "'scratch', 'conv' or 'vit', or 'hf:...' or 'timm:...'. Got 'hugging:x'"),
        ("Audio", "'scratch', or 'hf:...' or 'ge2e:...'. Got 'hugging:x'"),
    ],
)
def test_words_and_what_others_begin_with_are_both_told(kind, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        checked(getattr(modalities, kind), {"encoder": "hugging:x"}, "it")
