import pytest

from plait.balancing import DWA, FAMO, Every, Log, Smooth, UPGrad

TASKS = ["a", "b"]


def test_a_method_is_named_in_four_ways():
    named = Every(TASKS, of="upgrad").inner
    assert type(named) is UPGrad
    given = Every(TASKS, of={"name": "UPGrad", "preference": {"a": 2.0}}).inner
    assert given.preference == [2.0, 1.0]
    assert type(Every(TASKS, of=Log).inner) is Log
    made = DWA(TASKS)
    assert Every(TASKS, of=made).inner is made


def test_wrappers_go_around_wrappers():
    balancer = Every(TASKS, of={"name": "Smooth", "beta": 0.5, "of": {"name": "FAMO", "lr": 0.1}})
    assert isinstance(balancer.inner, Smooth)
    assert isinstance(balancer.inner.inner, FAMO)
    assert balancer.inner.inner.lr == 0.1


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ("UPGrat", r"`of` of Every should name a balancer. There is .*Did you mean 'UPGrad'"),
        ("os:path", r"`of` of Every should name a balancer of plait.*Got 'os:path'. Give the cl"),
        ("Balancer", r"`of` of Every should name a balancer"),
        ({"of": "UPGrad"}, r"`of` of Every should be the name of a balancer"),
        (
            {"name": "UPGrad", "twist": 1},
            r"The options of UPGrad in `of` of Every do not fit",
        ),
        (
            {"name": "UPGrad", "preference": {"c": 1.0}},
            r"`of` of Every does not fit. `preferenc",
        ),
    ],
)
def test_what_is_no_method_is_named(of, told):
    with pytest.raises(ValueError, match=told):
        Every(TASKS, of=of)


def test_an_object_is_for_the_same_tasks_in_the_same_order():
    for other in (["a"], ["b", "a"]):
        with pytest.raises(ValueError, match=r"`of` of Every should be made for the tasks"):
            Every(TASKS, of=Log(other))
