"""A saved model answers the same wherever it is brought, and in every later version (17, 19)."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather

import plait

HOME = Path(__file__).parent / "models"
KEPT = sorted(path.parent for path in HOME.glob("*/*/model"))
LARGEST = 200_000
SHAPES = ("bags", "numbers", "pictures", "series", "texts")

ELSEWHERE = """
import json, socket, sys
def closed(*words, **more):
    raise AssertionError(f"the network was asked for: {words}")
socket.socket.connect = socket.socket.connect_ex = socket.socket.bind = closed
socket.create_connection = socket.getaddrinfo = closed
from pathlib import Path
from pyarrow import feather
import plait
for folder in sys.argv[1:]:
    rows = feather.read_table(Path(folder) / "rows.arrow")
    print(json.dumps(plait.load(Path(folder) / "model").predict(rows).to_pydict()))
"""


def names(path: Path) -> str:
    return f"{path.parent.name}-{path.name}"


def answers(folder: Path) -> dict[str, list]:
    rows = feather.read_table(folder / "rows.arrow")
    return plait.load(folder / "model").predict(rows).to_pydict()


def leaves(value: object) -> list:
    """All that stands in nested lists and mappings, in order, with the names."""
    if isinstance(value, dict):
        return [leaf for name, each in value.items() for leaf in (name, *leaves(each))]
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in leaves(each)]
    return [value]


def test_five_shapes_are_kept_of_this_version():
    kept = {path.name for path in KEPT if path.parent.name == plait.__version__}
    assert kept == set(SHAPES)


@pytest.mark.parametrize("folder", KEPT, ids=names)
def test_a_kept_model_is_small(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LARGEST


@pytest.mark.parametrize("folder", KEPT, ids=names)
def test_a_kept_model_answers_as_it_did(folder):
    found = leaves(answers(folder))
    wanted = leaves(json.loads((folder / "answers.json").read_text(encoding="utf-8")))
    assert len(found) == len(wanted) > 12
    for here, then in zip(found, wanted, strict=True):
        assert here == (pytest.approx(then, rel=1e-5, abs=1e-5) if type(then) is float else then)


def test_a_wrong_answer_would_be_seen():
    folder = KEPT[0]
    wanted = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    assert any(type(leaf) is float and leaf != pytest.approx(leaf + 1e-4, rel=1e-5, abs=1e-5)
               for leaf in leaves(wanted))  # fmt: skip


def test_in_a_new_process_elsewhere_read_only_and_without_a_network(tmp_path):
    (tmp_path / "working").mkdir()
    copies = []
    for folder in KEPT:
        copy = Path(shutil.copytree(folder, tmp_path / "moved" / names(folder)))
        for path in (*copy.rglob("*"), copy):
            path.chmod(0o555 if path.is_dir() else 0o444)
        copies.append(copy)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ELSEWHERE, *map(str, copies)],
        cwd=tmp_path / "working", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    for copy in copies:
        for path in (copy, copy / "model"):
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found == [json.loads(json.dumps(answers(folder))) for folder in KEPT]
    assert list((tmp_path / "working").iterdir()) == []


def test_the_script_keeps_a_model_that_answers_the_same(tmp_path):
    script = runpy.run_path(str(HOME.parents[2] / "scripts" / "keep_models.py"))
    assert sorted(script["SHAPES"]) == sorted(SHAPES)
    made = script["keep"](tmp_path / "numbers", "numbers")
    assert {path.name for path in made.iterdir()} == {"answers.json", "model", "rows.arrow"}
    wanted = json.loads((made / "answers.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(answers(made))) == wanted
    assert isinstance(feather.read_table(made / "rows.arrow"), pa.Table)
