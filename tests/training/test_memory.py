"""What is said where memory runs out."""

import pytest

from plait import ConfigError
from plait.training._memory import told_in_words


@pytest.mark.parametrize(
    "error", [RuntimeError("[enforce fail] can't allocate memory: 9 bytes\nmore"), MemoryError()]
)
def test_a_lack_of_memory_is_told_in_words(error):
    words = "There should be memory for the rows of a step"
    with pytest.raises(ConfigError, match=words) as told, told_in_words():
        raise error
    assert told.value.__cause__ is error
    assert "more parts" in str(told.value)


def test_other_errors_pass_untouched():
    with pytest.raises(RuntimeError, match="size mismatch"), told_in_words():
        raise RuntimeError("size mismatch")
