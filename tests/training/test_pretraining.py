import pytest

from plait import Schema
from plait.modalities import Categorical, Image, Numeric, Text, Vector
from plait.tasks import Regression
from plait.training import Pretraining


def schema(**inputs) -> Schema:
    return Schema(inputs, {"y": Regression()})


def test_media_stand_alone_and_columns_of_a_table_together():
    found = Pretraining().parts(
        schema(age=Numeric(), photo=Image(), city=Categorical(), note=Text(), clip=Vector())
    )
    assert [tuple(side) for side in found] == [("photo",), ("note",), ("clip",), ("age", "city")]


def test_without_columns_of_a_table_there_is_no_side_of_them():
    assert [*Pretraining().parts(schema(a=Text(), b=Text()))] == [("a",), ("b",)]


def test_sides_may_be_chosen():
    sides = Pretraining(sides=(("a", "b"), ("c",))).parts(schema(a=Text(), b=Text(), c=Text()))
    assert sides == (("a", "b"), ("c",))


def test_a_mapping_is_parted():
    stage, rest = Pretraining.parted(
        {"name": "InfoNCE", "temperature": 0.1, "epochs": 3, "sides": [["a"], ["b", "c"]]}
    )
    assert stage == Pretraining(epochs=3, sides=(("a",), ("b", "c")))
    assert rest == {"name": "InfoNCE", "temperature": 0.1}
    assert Pretraining.parted("SigLIP") == (Pretraining(), "SigLIP")


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"share": 1.0}, {"sides": "photo"}])
def test_values_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match="of the pretraining"):
        Pretraining.parted({"name": "InfoNCE", **wrong})
