"""JSON that is too deep for its reader."""

import io
import json
import random
import subprocess
import sys

import pytest

from plait import DamagedError, Table
from plait.data import _depth
from plait.data._depth import DEEPEST, check_depth

TRAPS = ("]]]", "[[{", "\\", '"', '\\"[', 'a\\"', "\n", 1, None)


def true_depth(text: str) -> int:
    """How deep it is, character by character."""
    level = most = 0
    quoted = escaped = False
    for sign in text:
        if quoted:
            quoted, escaped = sign != '"' or escaped, sign == "\\" and not escaped
        elif sign == '"':
            quoted = True
        else:
            level += (sign in "[{") - (sign in "]}")
            most = max(most, level)
    return most


def tree(draw: random.Random, depth: int) -> object:
    if not depth or draw.random() < 0.06:
        return draw.choice(TRAPS)
    if draw.random() < 0.5:
        return {str(draw.choice(TRAPS)): tree(draw, depth - 1), "b": draw.choice(TRAPS)}
    return [draw.choice(TRAPS), tree(draw, depth - 1)]


def refused(content: bytes) -> bool:
    try:
        check_depth(io.BytesIO(content).read)
    except ValueError:
        return True
    return False


def test_it_counts_as_one_would_by_hand(monkeypatch):
    draw, found = random.Random(0), [0, 0]
    for _ in range(300):
        monkeypatch.setattr(_depth, "BLOCK", draw.choice([1, 3, 7, 50, 4000]))
        text = "\n".join(json.dumps({"a": tree(draw, draw.choice([3, 40]))}) for _ in range(3))
        deep = true_depth(text) > DEEPEST
        assert refused(text.encode()) == deep
        found[deep] += 1
    assert min(found) > 50


@pytest.mark.parametrize(
    "before",
    [b"", b"}" * 5000, b'"', b'{"a": "\n', b"\\", b"\n\n", b'{"a": "]]]]]]"}\n'],
    ids=["nothing", "closed", "quote", "no end", "backslash", "lines", "string"],
)
def test_nothing_before_it_hides_it(before):
    deep = b'{"a":\n' * 40 + b"1" + b"}" * 40
    assert refused(before + b"\n" + deep)
    assert not refused(before + b"\n" + b'{"a": [1]}')


@pytest.mark.parametrize("sign", ["[", '{"a":'])
def test_a_table_of_it_is_refused_and_the_process_lives(tmp_path, sign):
    close = {"[": "]"}.get(sign, "}")
    path = tmp_path / "a.jsonl"
    path.write_text('{"a":' + sign * 200_000 + "1" + close * 200_000 + "}\n")
    code = f"import plait; plait.Table.of({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1  # not the number of a signal
    assert "cannot be read as .jsonl: it is more than 32 levels deep" in done.stderr
    with pytest.raises(DamagedError, match="more than 32 levels deep"):
        Table.of(path)


def test_what_is_not_so_deep_is_read(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"a": [{"b": [1, 2]}], "c": "[" * 99}) + "\n")
    assert Table.of(path)["c"].to_pylist() == ["[" * 99]
