import pytest

from plait import balancing, fusion, modalities
from plait._catalogue import catalogue, find
from plait._errors import ConfigError


def test_it_holds_concrete_classes_of_the_kind_and_nothing_else():
    found = catalogue(fusion, fusion.Fusion)
    assert found["Mean"] is fusion.Mean
    assert "Fusion" not in found
    assert catalogue(fusion, modalities.Modality) == {}


@pytest.mark.parametrize("name", ["Mean", "mean", "MEAN"])
def test_names_are_found_in_any_case(name):
    assert find(fusion, fusion.Fusion, name) is fusion.Mean


def test_an_unknown_name_gets_the_nearest_and_all_known():
    with pytest.raises(ConfigError, match=r"no Fusion called 'Meen'.*Did you mean 'Mean'\? Known:"):
        find(fusion, fusion.Fusion, "Meen")


def test_an_own_class_takes_a_colon():
    assert find(balancing, balancing.Balancer, "plait.balancing:Sum") is balancing.Sum


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nomodule:X", "No module named 'nomodule'. Is the module on the Python path"),
        ("plait.fusion:Nothing", "has no attribute 'Nothing'"),
        ("plait.fusion:Mean", "should be a Balancer. Found <class"),
        ("os:getcwd", "should be a Balancer. Found <"),
    ],
)
def test_an_own_class_that_does_not_fit_is_explained(name, told):
    with pytest.raises(ConfigError, match=told):
        find(balancing, balancing.Balancer, name)
