"""Texts through a table of token vectors."""

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import plait
from plait import ConfigError, Learner, Table, Text, Training
from plait.data import Masked
from plait.modalities import Staged

WORDS = ["[UNK]", "[CLS]", "a", "red", "blue", "bag", "shoe"]
SIZE = 6
TEXTS = ["a red bag", "bag red a", None, "zzz a", "zzz", "a blue shoe"]


def vectors(seed: int = 0, rows: int = len(WORDS)) -> torch.Tensor:
    return torch.randn(rows, SIZE, generator=torch.Generator().manual_seed(seed))


def make(folder: Path, name: str = "embeddings", dtype=torch.float32, **more) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", 1)]
    )
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(2)
    tokenizer.save(str(folder / "tokenizer.json"))
    table = {name: vectors().to(dtype), **more}
    safetensors.torch.save_file(table, folder / "model.safetensors")
    return f"static:{folder}"


def fit(encoder: str, texts=TEXTS, **options) -> tuple[Text, Masked]:
    part = Text(columns=("x",), encoder=encoder, **options).fit(Table.of({"x": texts}))
    return part, part.pack(Table.of({"x": texts})).cells.take(torch.arange(len(texts)))


def mean(rows: torch.Tensor, *words: str) -> torch.Tensor:
    return sum(rows[WORDS.index(word)] for word in words) / len(words)


@pytest.mark.parametrize("name", ["embeddings", "embedding.weight", "anything"])
def test_a_text_is_the_mean_of_the_rows_of_its_known_words(tmp_path, name):
    part, cells = fit(make(tmp_path, name))
    staged = part.build(8)
    assert isinstance(staged, Staged)
    found, rows = staged.still(cells), vectors()
    assert found.mask.tolist() == [True, True, False, True, True, True]
    assert torch.allclose(found.values[0], mean(rows, "a", "red", "bag"), atol=1e-6)
    assert torch.allclose(found.values[1], found.values[0], atol=1e-6)
    assert torch.allclose(found.values[3], mean(rows, "a"), atol=1e-6)  # the unknown has no say
    assert torch.allclose(found.values[4], mean(rows, "[UNK]"), atol=1e-6)  # unless it is alone
    assert part.build(8)(cells).values.shape == (6, 3, 8)  # one of the vector, two of the words
    assert (
        replace(part, fitted=replace(part.fitted, tokens=())).build(8)(cells).values.shape[1] == 1
    )


def test_half_precision_becomes_single(tmp_path):
    part, cells = fit(make(tmp_path, dtype=torch.float16))
    found = part.build(8).still(cells).values
    assert found.dtype == torch.float32
    assert torch.allclose(found[3], vectors()[2].half().float())


def test_weights_and_places_of_newer_folders_are_heeded(tmp_path):
    weights = torch.arange(1.0, len(WORDS) + 1)
    mapping = torch.tensor([0, 1, 2, 3, 3, 5, 6])  # blue has the row of red
    part, cells = fit(make(tmp_path, weights=weights, mapping=mapping))
    rows = vectors()
    expected = (3 * rows[2] + 5 * rows[3] + 7 * rows[6]) / 3
    assert torch.allclose(part.build(8).still(cells).values[5], expected, atol=1e-5)


def test_two_files_with_a_comma_are_the_same(tmp_path):
    folder, cells = fit(make(tmp_path))
    for pair in (
        "{0}/model.safetensors,{0}/tokenizer.json",
        "{0}/tokenizer.json, {0}/model.safetensors",
    ):
        part, _ = fit("static:" + pair.format(tmp_path))
        assert part.fitted == folder.fitted
        assert torch.equal(part.build(8).still(cells).values, folder.build(8).still(cells).values)
        assert {path.name for path in part.files(Table.of({"x": TEXTS}))} == {
            "model.safetensors", "tokenizer.json"}  # fmt: skip


def test_the_folder_of_wordllama_is_understood(tmp_path):
    make(tmp_path, "embedding.weight")
    for part, name in (("weights", "model.safetensors"), ("tokenizers", "tokenizer.json")):
        (tmp_path / part).mkdir()
        target = "l2_256.safetensors" if part == "weights" else "l2_tokenizer_config.json"
        (tmp_path / name).rename(tmp_path / part / target)
    part, cells = fit(f"static:{tmp_path}")
    assert torch.allclose(part.build(8).still(cells).values[3], vectors()[2], atol=1e-6)


@pytest.mark.parametrize("tune", ["frozen", "full"])
def test_frozen_vectors_stay_and_full_ones_learn(tmp_path, tune):
    part, cells = fit(make(tmp_path), tune=tune)
    module = part.build(8)
    module(cells).values[cells.present].sum().backward()
    moved = {name for name, each in module.named_parameters() if each.grad is not None}
    assert any("rows" in name for name in moved) == (tune == "full")
    assert any("project" in name for name in moved)


def test_long_texts_are_cut_where_they_are_told_to_be(tmp_path):
    part, cells = fit(make(tmp_path), ["a red bag", "a"], max_length=2)
    expected = mean(vectors(), "a", "red")
    assert torch.allclose(part.build(8).still(cells).values[0], expected, atol=1e-6)


@pytest.mark.parametrize("tune", ["frozen", "full"])
def test_a_saved_model_needs_no_folder(tmp_path, tune):
    encoder = make(tmp_path / "net")
    table = {"x": ["a red bag", "a blue bag", None] * 8, "red": [True, False, True] * 8}
    part = {"type": "Text", "encoder": encoder, "tune": tune}
    made = Learner(["red"], {"x": part}, width=8, training=Training(epochs=2, device="cpu"))
    made = made.fit(table)
    expected = made.predict(table)
    made.save(tmp_path / "model")
    shutil.rmtree(tmp_path / "net")
    assert plait.load(tmp_path / "model").predict(table) == expected


@pytest.mark.parametrize(
    ("change", "told"),
    [(lambda at: (at / "model.safetensors").unlink(), "should hold one file '*.safetensors'"),
     (lambda at: (at / "tokenizer.json").unlink(), "should hold one file '*tokenizer*.json'"),
     (lambda at: (at / "tokenizer.json").write_text("{"), "cannot be read"),
     (lambda at: (at / "model.safetensors").write_bytes(b"x" * 40), "It cannot be read"),
     (lambda at: (at / "model.safetensors").rename(at / "a.safetensors")
      and (at / "b.safetensors").write_bytes(b""), "should hold one file 'model.safetensors'"),
     (lambda at: safetensors.torch.save_file({"embeddings": vectors(rows=5)},
                                             at / "model.safetensors"),
      "a vector for each of the 7 tokens of its tokenizer. It has 5"),
     (lambda at: safetensors.torch.save_file({"a": torch.ones(3)}, at / "model.safetensors"),
      "should hold one table of vectors")],
)  # fmt: skip
def test_files_of_no_use_are_told(tmp_path, change, told):
    encoder = make(tmp_path)
    change(tmp_path)
    with pytest.raises(ConfigError) as found:
        fit(encoder)
    assert told in str(found.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"tune": "last:1"}, "'frozen' or 'full' for token vectors"), ({"tune": "lora"}, "no blocks"),
     ({"forget": 0.3}, "`forget` should be left out"),
     ({"layer_decay": 0.5}, "for `tune='frozen'`")],
)  # fmt: skip
def test_options_that_do_not_go_with_it_are_told(tmp_path, options, told):
    with pytest.raises(ConfigError, match=told):
        fit(make(tmp_path), **options)


def test_a_path_to_nothing_is_told(tmp_path):
    with pytest.raises(ConfigError, match="two files with a comma between them"):
        fit(f"static:{tmp_path}/none")


def test_vectors_that_changed_since_the_fit_are_told(tmp_path):
    part, _ = fit(make(tmp_path))
    safetensors.torch.save_file({"embeddings": vectors(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match="another SHA-256"):
        part.build(8)


def test_vectors_that_are_no_numbers_are_told(tmp_path):
    encoder = make(tmp_path)
    rows = vectors()
    rows[3, 2] = float("inf")
    safetensors.torch.save_file({"embeddings": rows}, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match="1 of 1 hold NaN or infinity: 'vectors'"):
        fit(encoder)[0].build(8)


def test_a_shape_of_no_use_in_a_schema_is_told(tmp_path):
    from dataclasses import replace

    part, _ = fit(make(tmp_path))
    broken = replace(part, fitted=replace(part.fitted, config=json.dumps({"rows": "x"})))
    with pytest.raises(ConfigError, match="should say its shape"):
        broken.build(8)


def test_wordllama_knows_which_texts_are_alike():
    found = importlib.util.find_spec("wordllama")
    if found is None:
        pytest.skip("wordllama brings the vectors: pip install --no-deps wordllama")
    texts = ["A man is eating food.", "Somebody eats a meal.", "The stock market fell today."]
    part, cells = fit(f"static:{found.submodule_search_locations[0]}", texts)
    unit = torch.nn.functional.normalize(part.build(8).still(cells).values)
    likeness = unit @ unit.T
    assert unit.shape == (3, 256)
    assert likeness[0, 1] > 0.3 > 0.15 > likeness[0, 2]
