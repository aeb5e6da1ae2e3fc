"""Text that would become more than it is, and names that are no business of a file (26)."""

import hashlib
import json
import re
import shutil
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

import plait
from plait import ArtifactError, Config, ConfigError, Learner, Training
from plait.__main__ import main

ROWS = {"x": [float(n) for n in range(24)], "y": [2.0 * n + n % 3 for n in range(24)]}
MILLISECONDS, BYTES = 100, 50 * 2**20


def laughs(width: int = 9, depth: int = 9) -> str:
    """A text of some hundred bytes that stands for 9 to the power of 9 words."""
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, depth)
    ]  # fmt: skip
    return "\n".join(lines)


BOMBS = {
    "aliases": (laughs(), "'&a0' is not taken"),
    "aliases to itself": ("a: &a [*a]", "'&a' is not taken"),
    "merged": ("a: &a {b: 1}\nc: {<<: *a}", "'&a' is not taken"),
    "lists": ("[" * 100_000, "nesting depth|at most 32 levels"),
    "mappings": ("{a: " * 100_000, "at most 32 levels"),
    "blocks": ("\n".join(" " * n + "a:" for n in range(400)), "at most 32 levels"),
    "dashes": ("- " * 100_000 + "a", "at most 32 levels"),
    "questions": ("? " * 100_000 + "a", "should be a single text"),
    "33 levels": ("fusion: " + "[" * 32 + "]" * 32, "at most 32 levels"),
    "1 MiB and a byte": ("a" * (2**20 + 1), "at most 1 MiB"),
    "1 MiB of other signs": ("ä" * (2**19 + 1), "at most 1 MiB"),
    "documents": ("a: 1\n---\n" * 50_000, "one document"),
    "code": ("!!python/object/apply:os.system [id]", "is not taken"),
    "a name": ("!!python/name:os.system ''", "is not taken"),
    "a module": ("!!python/module:os ''", "is not taken"),
    "binary": ("fusion: !!binary aGk=", "is not taken"),
    "a set": ("!!set {a, b}", "is not taken"),
    "own tags": ("%TAG ! tag:yaml.org,2002:python/\n---\n!name:os.system ''", "is not taken"),
    "twice": ("seed: 1\nseed: 2", "is given twice"),
    "zero": ("seed: \0", "The configuration"),
    "digits": ("seed: " + "9" * 100_000, "seed"),
    "exponent": ("budget: 1e999999999", "budget"),
    "a list": ("[1, 2]", "should be a mapping"),
    "a word": ("os.system", "should be a mapping"),
}


@pytest.mark.parametrize(("text", "words"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_in_no_time(text, words):
    """The clock is that of the process, and the best of three counts: others may be at work."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        with pytest.raises(ConfigError, match=words):
            Config.read(text)
        spent.append(1000 * (time.process_time() - start))
    assert min(spent) < MILLISECONDS
    tracemalloc.start()
    with pytest.raises(ConfigError, match=words):
        Config.read(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < BYTES


def test_the_alias_bomb_is_as_small_as_that():
    assert len(laughs()) < 500
    assert "x" not in str(Config.read("targets: x").seed)


@pytest.mark.parametrize(
    "text", ["&a [*a]", "[" * 1000, "!!python/name:os.system ''", "{a: 1, a: 2}"]
)
def test_a_setting_is_read_as_a_file_is(text):
    with pytest.raises(ConfigError):
        Config().changed([f"fusion={text}"])


@pytest.mark.parametrize("name", ["aliases", "lists", "code", "1 MiB and a byte"])
def test_a_bomb_in_a_file_is_told_with_its_name(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(BOMBS[name][0], encoding="utf-8")
    assert main(["fit", "none.csv", "--config", "c.yaml", "-o", "run"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: In 'c.yaml': ")
    assert re.search(BOMBS[name][1], told)
    assert not Path("run").exists()


def test_an_endless_file_is_not_read_to_its_end(tmp_path, capsys):
    with (tmp_path / "c.yaml").open("wb") as file:
        file.truncate(2**40)
    assert main(["fit", "none.csv", "--config", str(tmp_path / "c.yaml"), "-o", "run"]) == 2
    assert "at most 1 MiB" in capsys.readouterr().err


# ---- the JSON of a saved model


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    quick = Training(epochs=1, device="cpu")
    learner = Learner(["y"], width=8, training=quick).fit(ROWS)
    return learner.save(tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture
def model(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def sealed(manifest: dict) -> str:
    """A manifest that vouches for itself, as every version has to write it."""
    body = {name: value for name, value in manifest.items() if name != "seal"}
    seal = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return json.dumps({**body, "seal": seal}, indent=1)


def forged(folder: Path, part: str, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / part).write_text(text, encoding="utf-8")
    if part == "manifest.json":
        return
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["sha256"][part] = hashlib.sha256((folder / part).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(sealed(manifest), encoding="utf-8")


def nested(depth: int, sign: str) -> str:
    return sign * depth + "1" + {"[": "]"}.get(sign, "}") * depth


PLACES = {
    "config.json": ["fusion", "sharing", "inputs", "training", "model", "targets"],
    "schema.json": ["inputs", "tasks", "ignored"],
}
SPOTS = [(part, place) for part, places in PLACES.items() for place in places]


@pytest.mark.parametrize(("part", "place"), SPOTS)
@pytest.mark.parametrize("depth", [40, 300, 900, 100_000])
@pytest.mark.parametrize("sign", ["[", '{"a":', '{"type":', '{"x": {"type": "Bag", "of":'])
def test_deep_json_is_refused_anywhere(model, part, place, depth, sign):
    text = (model / part).read_text(encoding="utf-8")
    plain = json.loads(text)
    plain[place] = "HERE"
    inner = nested(depth, sign) if "Bag" not in sign else (
        sign + '{"type": "Bag", "of":' * depth + "1" + "}" * depth + "}}")  # fmt: skip
    forged(model, part, json.dumps(plain).replace('"HERE"', inner))
    with pytest.raises(ArtifactError):
        plait.load(model)


@pytest.mark.parametrize("depth", [40, 900, 100_000])
def test_a_deep_manifest_is_refused(model, depth):
    for sign in ("[", '{"a":'):
        forged(model, "manifest.json", '{"format": 1, "sha256": ' + nested(depth, sign) + "}")
        with pytest.raises(ArtifactError):
            plait.load(model)


# ---- names of classes

NAMES = ["os.system", "os:system", "builtins.eval", "builtins:eval", "subprocess:Popen",
         "plait.fusion.Mean", "plait.fusion:Mean", "torch.nn.Linear", "torch.nn:Linear",
         "plait.modalities._image:Image", "..fusion.Mean", "__class__", "__import__", "__init__",
         "Modality", "Task", "Fusion", "Any", "Path", "dataclass", "", " ", "Mean\n", "Mean;id",
         "/etc/passwd", "antigravity:fly", "this:s"]  # fmt: skip
"""What no file may name: other modules, what is not exported, what stands for no class."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["fusion", "fusion name", "sharing", "input", "task", "bag"])
def test_a_model_names_only_what_plait_exports(model, name, place, monkeypatch):
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    schema = json.loads((model / "schema.json").read_text(encoding="utf-8"))
    if place == "input":
        schema["inputs"]["x"]["type"] = name
    elif place == "task":
        schema["tasks"]["y"]["type"] = name
    elif place == "bag":
        schema["inputs"]["x"] = {"type": "Bag", "columns": ["x"], "of": {"type": name}}
    else:
        config[place.split()[0]] = {"name": name} if " " in place else name
    forged(model, "config.json", config)
    forged(model, "schema.json", schema)
    before = set(sys.modules)
    with pytest.raises(ArtifactError):
        plait.load(model)
    assert {"antigravity", "this"}.isdisjoint(sys.modules)
    assert not {each for each in set(sys.modules) - before if not each.startswith("plait")}


@pytest.mark.parametrize("name", [each for each in NAMES if ":" not in each])
@pytest.mark.parametrize("place", ["fusion", "sharing", "balancing", "pretraining"])
def test_a_configuration_names_without_a_colon_only_what_plait_exports(name, place):
    """With one, it is the user's own code that is asked for (docs/safety.md)."""
    with pytest.raises(ConfigError):
        Learner.from_config(Config.of({"targets": ["y"], place: name})).fit(ROWS)
