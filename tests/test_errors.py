import pytest

from plait import _errors
from plait._errors import ConfigError, DataError, UserError, listing, suggestion, together


@pytest.mark.parametrize("name", ["DataError", "SchemaError", "ConfigError", "ArtifactError"])
def test_what_the_user_can_mend_is_a_value_error(name):
    assert issubclass(getattr(_errors, name), UserError)
    assert issubclass(UserError, ValueError)


@pytest.mark.parametrize("name", ["NotFittedError", "NonFiniteError"])
def test_what_is_no_wrong_input_is_no_user_error(name):
    assert not issubclass(getattr(_errors, name), UserError)


def test_suggestions_do_not_care_about_case():
    assert suggestion("ATTENTON", ["Attention", "Mean"]) == " Did you mean 'Attention'?"
    assert suggestion("zzz", ["Attention", "Mean"]) == ""


def test_listing_counts_the_rest():
    assert listing(["a"]) == "'a'"
    assert listing(list(range(1_007)), limit=2) == "0, 1 and 1,005 more"


def test_problems_come_together():
    together([])
    with pytest.raises(DataError, match=r"^One\.$"):
        together(["One."])
    with pytest.raises(ConfigError, match=r"^2 problems:\n  1\. One\.\n  2\. Two\.$"):
        together(["One.", "Two."], ConfigError)
