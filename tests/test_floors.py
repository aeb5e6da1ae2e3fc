"""Imports fall from floor to floor, nothing inside imports the roof, and files stay short."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import plait

ROOT = Path(plait.__file__).parent
LONGEST = 250

# From the ground up. A room is a module or a package right below plait; one may stay unbuilt.
FLOORS = [
    {"_errors", "_durable", "_words", "_catalogue", "_validate", "_yaml", "data"},
    {"modalities", "tasks", "fusion", "sharing", "balancing", "modality_balancing", "pretraining"},
    {"schema", "_rows"},
    {"_model", "_artifact"},
    {"training", "packing", "inspection"},
    {
        "_absent",
        "_begun",
        "_account",
        "_cache",
        "_companion",
        "_config",
        "_launch",
        "_devices",
        "_assemble",
        "_answer",
        "_evaluate",
        "_fit",
        "_guard",
        "_learner",
        "_load",
        "_met",
        "_order",
        "_said",
        "_trained",
        "report",
    },
    {"cli", "clusters", "serving", "__main__"},
    {"__init__"},
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}

# The few rooms that stand on a neighbor of their own floor.
NEIGHBORS = {
    "_catalogue": {"_errors"},
    "_validate": {"_errors"},
    "_yaml": {"_errors"},
    "data": {"_errors"},
    "_artifact": {"_model"},
    "_account": {"_met"},
    "_answer": {"_absent"},
    "_assemble": {"_said"},
    "_begun": {"_assemble", "_config", "_said"},
    "_companion": {"_config", "_learner"},
    "_launch": {"_devices", "_order"},
    "_order": {"_config", "_said"},
    "_fit": {"_assemble", "_begun", "_cache", "_config", "_guard", "_said"},
    "_learner": {
        "_account",
        "_answer",
        "_assemble",
        "_config",
        "_launch",
        "_evaluate",
        "_fit",
        "_order",
        "_said",
        "_trained",
        "report",
    },
    "_load": {"_assemble", "_config", "_fit", "_learner"},
    "_trained": {"_account", "_answer", "_fit"},
    "cli": {"serving"},
    "__main__": {"cli"},
}

ROOF = "plait itself"


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """The rooms (or the roof) that a file imports, anywhere in it, with the line."""
    package = ("plait", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*start, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            head, *rest = name.split(".")
            if head == "plait":
                yield (rest[0] if rest and rest[0] in FLOOR else ROOF), node.lineno


def climbs(path: Path) -> Iterator[tuple[int, int]]:
    """Relative imports of a file: how many levels up, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.level - 1, node.lineno


def allowed(here: str, there: str) -> bool:
    if here in {there, "__init__"}:
        return True
    if there == ROOF:
        return False
    return FLOOR[there] < FLOOR[here] or there in NEIGHBORS.get(here, ())


FILES = sorted(ROOT.rglob("*.py"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


@each_file
def test_every_room_has_a_floor(path: Path):
    assert room_of(path) in FLOOR, f"add {room_of(path)!r} to FLOORS, and say why it stands there"


@each_file
def test_imports_fall(path: Path):
    here = room_of(path)
    wrong = [
        f"line {line}: {here} imports {there}"
        for there, line in imports(path)
        if not allowed(here, there)
    ]
    assert not wrong, "\n".join(wrong)


@each_file
def test_relative_imports_climb_one_level_at_most(path: Path):
    wrong = [f"line {line}" for levels, line in climbs(path) if levels > 1]
    assert not wrong, f"write these from plait on: {', '.join(wrong)}"


@each_file
def test_files_are_short(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_neighbors_share_a_floor_and_do_not_lean_on_each_other():
    for here, rooms in NEIGHBORS.items():
        for there in rooms:
            assert FLOOR[here] == FLOOR[there]
            assert here not in NEIGHBORS.get(there, ())
