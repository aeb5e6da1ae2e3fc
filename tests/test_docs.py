"""Every example in README.md and docs/ runs: what does not run does not exist.

The ``python`` blocks of a file share one namespace; ``$ plait`` lines of ``console`` and ``bash``
blocks go through the command line. All of it happens in the order of the page, in an empty folder
where ``data/`` is ``examples/data``. The info string ``no-run`` keeps a block from being run.
"""

import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("README.md"), *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS = 300
FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<info>.*)$")


@dataclass(frozen=True)
class Block:
    language: str
    runs: bool
    text: str
    line: int  # of its first line of text in the page


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = iter(enumerate(page.splitlines(), start=1))
    for at, line in lines:
        start = FENCE.match(line)
        if not start:
            continue
        inside = []
        for _, text in lines:
            if text.strip() == start["fence"]:
                break
            inside.append(text)
        info = start["info"].split()
        yield Block(
            language=info[0] if info else "",
            runs="no-run" not in info[1:],
            text=textwrap.dedent("\n".join(inside)),
            line=at + 1,
        )


def commands(text: str) -> Iterator[list[str]]:
    """The words of each ``$ plait ...`` line; a backslash at its end joins the next line."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("$ plait"):
            yield shlex.split(line, comments=True)[2:]


def run_python(block: Block, page: Path, module: ModuleType) -> None:
    source = "\n" * (block.line - 1) + block.text
    code = compile(source, str(page), "exec")
    if block.runs:
        exec(code, vars(module))


def run_commands(block: Block, folder: Path) -> None:
    for words in commands(block.text) if block.runs else ():
        done = subprocess.run(
            [sys.executable, "-m", "plait", *words],
            cwd=folder,
            timeout=SECONDS,
            capture_output=True,
            text=True,
            check=False,
        )
        told = f"$ plait {shlex.join(words)}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, f"exit code {done.returncode} from\n{told}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data").symlink_to(ROOT / "examples" / "data", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    module = ModuleType("page")  # in sys.modules, so that classes of the page find their names
    monkeypatch.setitem(sys.modules, "page", module)
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "python":
            run_python(block, page, module)
        elif block.language in {"console", "bash"}:
            run_commands(block, tmp_path)


def test_blocks_are_found_in_order():
    page = "a\n```python\nx = 1\n```\n- b\n  ```console no-run\n  $ plait serve RUN\n  ```\n"
    first, second = blocks(page)
    assert (first.language, first.runs, first.text, first.line) == ("python", True, "x = 1", 3)
    assert (second.language, second.runs, second.line) == ("console", False, 7)
    assert list(commands(second.text)) == [["serve", "RUN"]]


def test_a_command_may_go_over_two_lines_and_others_are_left_alone():
    text = "$ pip install plait\n$ plait fit 'my data.csv' \\\n    -t price  # a target\nepoch 1"
    assert list(commands(text)) == [["fit", "my data.csv", "-t", "price"]]
