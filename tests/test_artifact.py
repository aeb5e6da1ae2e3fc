import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from plait import ArtifactError, ConfigError, Learner, Training, _artifact, load
from plait._artifact import PARTS
from plait._durable import sealed
from plait.fusion import Attention, Mean
from plait.sharing import Bottom

TABLE = {
    "size": [float(n) for n in range(30)],
    "city": ["Ulm", "Bonn", None] * 10,
    "price": [2.0 * n + n % 3 for n in range(30)],
    "sold": ["no", "yes"] * 15,
}
QUICK = Training(epochs=1, batch_size=16, device="cpu")
FILES = {*PARTS, "manifest.json"}


class Halved(Mean):
    def forward(self, tokens):
        return super().forward(tokens) / 2


def learned(**choices) -> Learner:
    return Learner(["price", "sold"], width=8, training=QUICK, **choices).fit(TABLE)


@pytest.fixture(scope="module")
def learner() -> Learner:
    return learned()


@pytest.fixture(scope="module")
def whole(learner, tmp_path_factory) -> Path:
    return learner.save(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def model(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def forged(folder: Path, part: str, content: bytes | str | object) -> None:
    """Write a part, and let the manifest vouch for it."""
    text = content if isinstance(content, bytes | str) else json.dumps(content)
    data = text.encode() if isinstance(text, str) else text
    (folder / part).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["sha256"][part] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(sealed(manifest), encoding="utf-8")


def read(folder: Path, part: str) -> dict:
    return json.loads((folder / part).read_text(encoding="utf-8"))


def test_a_folder_holds_these_files_and_nothing_else(whole):
    assert {path.name for path in whole.iterdir()} == FILES
    assert len((whole / "log.jsonl").read_text().splitlines()) == 1
    manifest = read(whole, "manifest.json")
    assert set(manifest["sha256"]) == set(PARTS)
    assert manifest["versions"]["torch"] == torch.__version__
    assert [path.name for path in whole.parent.iterdir()] == ["model"]


def test_who_may_read_one_file_may_read_all(whole):
    modes = {part.stat().st_mode for part in whole.iterdir()}
    assert len(modes) == 1, "safetensors writes files that nobody else may read"


def test_a_model_answers_the_same_after_the_way_through_a_file(learner, model):
    again = load(model)
    assert again.predict(TABLE) == learner.predict(TABLE)
    assert again.config == learner.config
    assert again.schema == learner.schema


def test_a_loaded_model_knows_how_it_was_trained(tmp_path):
    made = learned(seed=3, valid=0.2, budget="9m").save(tmp_path / "m")
    again = load(made)
    assert (again.seed, again.valid, again.budget) == (3, 0.2, "9m")
    assert again.training.epochs == 1


def test_in_a_new_process_elsewhere_from_a_folder_that_cannot_be_written(learner, model, tmp_path):
    for path in (*model.iterdir(), model):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (tmp_path / "elsewhere").mkdir()
    code = f"import json, plait; print(json.dumps(plait.load({str(model)!r}).predict({TABLE!r})))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-c", code]
    done = subprocess.run(
        run, env=env, cwd=tmp_path / "elsewhere", capture_output=True, text=True, check=True
    )
    model.chmod(0o755)
    assert json.loads(done.stdout) == learner.predict(TABLE)


class FullError(OSError):
    pass


def failing(monkeypatch, name: str, turn: int) -> None:
    owner = Path if name in ("mkdir", "rename") else _artifact
    done = getattr(owner, name)
    calls = []

    def broken(*arguments, **options):
        calls.append(name)
        if len(calls) == turn:
            raise FullError("no space left")
        return done(*arguments, **options)

    monkeypatch.setattr(owner, name, broken)


STEPS = [
    ("save_file", 1),
    *(("_write", turn) for turn in (1, 2, 3, 4)),
    *(("digest", turn) for turn in (1, 4)),
    *(("sync", turn) for turn in (1, 5, 6)),
    ("mkdir", 1),
    ("rename", 1),
]


@pytest.mark.parametrize(("name", "turn"), STEPS)
def test_a_save_that_fails_leaves_nothing(learner, tmp_path, monkeypatch, name, turn):
    target = tmp_path / "new"
    with monkeypatch.context() as patch:
        failing(patch, name, turn)
        with pytest.raises(ArtifactError, match=r"could not be written .*no space left.*bytes"):
            learner.save(target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "turn"), [*STEPS[:-1], ("rename", 1), ("rename", 2)])
def test_a_save_that_fails_leaves_the_old_model_whole(learner, model, monkeypatch, name, turn):
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    with monkeypatch.context() as patch:
        failing(patch, name, turn)
        with pytest.raises(ArtifactError, match="could not be written"):
            learner.save(model, overwrite=True)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert [path.name for path in model.parent.iterdir()] == ["model"]
    load(model)


def test_a_model_is_replaced_only_if_that_is_allowed(learner, model):
    with pytest.raises(ArtifactError, match=r"There is a model in .*overwrite=True"):
        learner.save(model)
    (model / "config.json").unlink()  # even a broken one
    learner.save(model, overwrite=True)
    assert load(model).predict(TABLE) == learner.predict(TABLE)
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_what_is_no_model_is_never_replaced(learner, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    (tmp_path / "file").write_text("x")
    for name in ("letters", "file"):
        with pytest.raises(ArtifactError, match="should be free or hold a saved model"):
            learner.save(tmp_path / name, overwrite=True)
    assert (tmp_path / "letters" / "dear.txt").read_text() == "dear"
    with pytest.raises(ArtifactError, match="could not be written"):
        learner.save(tmp_path / "file" / "below")


@pytest.mark.parametrize("part", sorted(FILES))
def test_a_flipped_bit_is_found_and_its_file_named(model, part):
    draw = random.Random(part)
    whole = (model / part).read_bytes()
    for _ in range(12):
        place = draw.randrange(len(whole))
        bent = bytearray(whole)
        bent[place] ^= 1 << draw.randrange(8)
        (model / part).write_bytes(bent)
        with pytest.raises(ArtifactError, match=re.escape(part)):
            load(model)
    (model / part).write_bytes(whole)
    load(model)


@pytest.mark.parametrize("part", sorted(FILES))
def test_a_cut_or_missing_file_is_found(model, part):
    whole = (model / part).read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        (model / part).write_bytes(whole[:length])
        with pytest.raises(ArtifactError, match=re.escape(part)):
            load(model)
    (model / part).unlink()
    with pytest.raises(ArtifactError, match=re.escape(part)):
        load(model)


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(ArtifactError, match="There is no such folder"):
        load(tmp_path / "none")
    with pytest.raises(ArtifactError, match=r"There is no manifest\.json in it"):
        load(tmp_path)


def test_the_weights_of_another_model_are_refused(model, tmp_path):
    other = Learner(["price"], width=16, training=QUICK).fit(TABLE).save(tmp_path / "other")
    shutil.copy(other / "weights.safetensors", model)
    with pytest.raises(ArtifactError, match=r"'weights\.safetensors' .* SHA-256 differs"):
        load(model)
    forged(model, "weights.safetensors", (other / "weights.safetensors").read_bytes())
    with pytest.raises(ArtifactError, match="should be of the width 8"):
        load(model)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_that_do_not_fit_are_refused(model, change):
    weights = load_file(model / "weights.safetensors")
    name = next(name for name in weights if name.startswith("encoders."))
    if change == "missing":
        del weights[name]
    elif change == "extra":
        weights["evil"] = torch.ones(1)
    else:
        weights[name] = torch.ones(3, 3, 3)
    save_file(weights, model / "bent")
    forged(model, "weights.safetensors", (model / "bent").read_bytes())
    with pytest.raises(ArtifactError, match="should fit its schema and its choices"):
        load(model)


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"\xff" * 8 + b"{}", b"\x80\x04K\x01.", b"PK\x03\x04"]
)
def test_weights_that_are_no_safetensors_are_refused(model, content):
    forged(model, "weights.safetensors", content)
    with pytest.raises(ArtifactError, match="cannot be read"):
        load(model)


def test_a_newer_format_is_told(model):
    manifest = read(model, "manifest.json")
    (model / "manifest.json").write_text(sealed({**manifest, "format": 2}))
    with pytest.raises(ArtifactError, match=r"should be of format 1. Found 2. Load it with"):
        load(model)


@pytest.mark.parametrize("digests", [None, [], "x", {}, {"schema.json": 3}])
def test_a_manifest_without_digests_vouches_for_nothing(model, digests):
    manifest = read(model, "manifest.json")
    (model / "manifest.json").write_text(sealed({**manifest, "sha256": digests}))
    with pytest.raises(ArtifactError, match="SHA-256 differs"):
        load(model)


@pytest.mark.parametrize("part", ["manifest.json", "schema.json", "config.json"])
@pytest.mark.parametrize(
    "content",
    ["[1, 2]", '"text"', "null", "{", "[" * 200_000, '{"a":' * 200_000, b"\xff\xfe", "{} {}"],
    ids=["list", "text", "null", "open", "deep-list", "deep-map", "bytes", "two"],
)
def test_json_that_is_no_mapping_is_refused(model, part, content):
    if part == "manifest.json":
        (model / part).write_bytes(content if isinstance(content, bytes) else content.encode())
    else:
        forged(model, part, content)
    with pytest.raises(ArtifactError, match=r"is not JSON|should hold a mapping"):
        load(model)


@pytest.mark.parametrize("part", ["manifest.json", "schema.json", "config.json"])
def test_json_that_is_too_large_is_not_read(model, part, monkeypatch):
    monkeypatch.setattr(_artifact, "LARGEST_JSON", (model / part).stat().st_size - 1)
    with pytest.raises(ArtifactError, match="should be of at most"):
        load(model)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"inputs": [], "tasks": {}, "ignored": {}},
        {"inputs": {}, "tasks": {}, "ignored": {}},
        {"inputs": {"a": {"type": "Nope"}}, "tasks": {}, "ignored": {}},
        {"inputs": {"a": {"type": "Numeric", "bins": -1}}, "tasks": {}, "ignored": {}},
        {"inputs": {"a": {"type": 3}}, "tasks": {}, "ignored": {}},
        {
            "inputs": {"a": {"type": "Numeric"}},
            "tasks": {"b": {"type": "Regression"}},
            "ignored": ["xyz"],
        },
        {
            "inputs": {"a": {"type": "Numeric"}},
            "tasks": {"b": {"type": "Regression"}},
            "ignored": {},
        },
    ],
)
def test_a_schema_that_is_none_is_refused(model, content):
    forged(model, "schema.json", content)
    with pytest.raises(ArtifactError):
        load(model)


@pytest.mark.parametrize(
    "change",
    [
        {"fusion": "Nope"},
        {"fusion": 3},
        {"fusion": {"name": "Attention", "heads": 0}},
        {"fusion": {"name": "Attention", "dropout": 7.0}},
        {"fusion": {"name": "Attention", "nope": 1}},
        {"sharing": {"layers": 3}},
        {"model": {"width": 10**7}},
        {"model": {"width": None}},
        {"model": {}},
        {"targets": 7},
        {"strange": 1},
    ],
)
def test_choices_that_do_not_fit_are_refused(model, change):
    forged(model, "config.json", {**read(model, "config.json"), **change})
    with pytest.raises(ArtifactError):
        load(model)


@pytest.fixture
def evil(tmp_path, monkeypatch) -> str:
    """The name of a module that leaves a mark when it is imported."""
    (tmp_path / "evil_strand.py").write_text(
        f"open({str(tmp_path / 'mark')!r}, 'w').close()\n"
        "from plait.fusion import Mean\nclass Mean2(Mean): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "evil_strand:Mean2"


@pytest.mark.parametrize("choice", ["fusion", "sharing", "balancing", "mapping", "input", "task"])
def test_a_saved_file_makes_nothing_be_imported(model, evil, choice, tmp_path):
    config, schema = read(model, "config.json"), read(model, "schema.json")
    if choice == "mapping":
        config["fusion"] = {"name": evil}
    elif choice == "input":
        next(iter(schema["inputs"].values()))["type"] = evil
    elif choice == "task":
        next(iter(schema["tasks"].values()))["type"] = evil
    else:
        config[choice] = evil
    forged(model, "config.json", config)
    forged(model, "schema.json", schema)
    if choice == "balancing":
        load(model)  # it is of no use for answers, and is left alone
    else:
        with pytest.raises(ArtifactError, match=re.escape(evil)):
            load(model)
    assert not (tmp_path / "mark").exists()
    assert "evil_strand" not in sys.modules


def test_a_model_with_a_class_of_ones_own(tmp_path):
    made = learned(fusion=Halved)
    path = made.save(tmp_path / "m")
    assert read(path, "config.json")["fusion"].endswith(":Halved")
    with pytest.raises(ArtifactError, match=r"your own class .*:Halved'.*own="):
        load(path)
    again = load(path, own=[Halved])
    assert again.predict(TABLE) == made.predict(TABLE)
    plain = load(learned(fusion={"name": Halved}).save(tmp_path / "n"), own=[Halved])
    assert plain.predict(TABLE) == made.predict(TABLE)


def test_options_of_a_class_are_saved(tmp_path):
    made = learned(fusion={"name": "Attention", "heads": 2}, sharing={"name": Bottom, "layers": 1})
    again = load(made.save(tmp_path / "m"))
    assert again.predict(TABLE) == made.predict(TABLE)


def test_an_object_that_nobody_could_build_again_is_not_saved(learner, tmp_path):
    inputs = tuple(learner.schema.inputs)
    made = learned(fusion=Attention(inputs, 8, heads=2))
    with pytest.raises(ConfigError, match="The fusion of a model that is saved should be a name"):
        made.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_tied_weights_are_saved(learner, tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    model[1].weight = model[0].weight
    view = torch.arange(9.0)
    model.register_buffer("whole", view)
    model.register_buffer("part", view[3:6])
    path = _artifact.save(tmp_path / "m", learner.schema, model, {})
    found = load_file(path / "weights.safetensors")
    assert set(found) == set(model.state_dict())
    for name, value in model.state_dict().items():
        assert torch.equal(found[name], value)
