"""Pretrained texts: what is packed, what is built, what is trained, what is refused."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from plait import ConfigError, Model, Schema, Text
from plait.data import Kept, Masked, Repeated, Table
from plait.modalities import Bag, Staged
from plait.modalities._without_weights import without_weights
from plait.training import keep, outputs

MODES = ["frozen", "last:1", "last:2", "lora", "full"]


def fit(encoder, cells, **options) -> Text:
    return Text(columns=("x",), encoder=encoder, **options).fit(Table.of({"x": cells}))


def packed(part, cells):
    return part.pack(Table.of({"x": cells}))


def test_tokens_are_those_of_the_model_with_its_special_ones(folder):
    part = fit(folder, ["a"])
    found = packed(part, ["The red, bag", None, "shoe", "\u200d", " "])
    batch = found.cells.take(torch.arange(5))
    assert batch.values.tolist() == [[2, 5, 6, 1, 8, 3], [0] * 6, [2, 9, 3, 0, 0, 0], [0] * 6,
                                     [0] * 6]  # fmt: skip
    assert found.cells.present.tolist() == [True, False, True, False, False]
    assert [str(note) for note in found.notes] == ["x: 3 missing", "x: 1 unseen tokens"]


def test_what_is_too_long_is_cut_and_keeps_its_end(folder):
    found = packed(fit(folder, ["a"], max_length=4), ["a red bag", "a red", "a"])
    assert found.cells.take(torch.arange(3)).values.tolist() == [
        [2, 4, 6, 3], [2, 4, 6, 3], [2, 4, 3, 0]]  # fmt: skip
    assert [str(note) for note in found.notes] == ["x: 1 cut to 4 tokens"]


def test_fitted_survives_json_and_needs_no_column_of_its_own(folder):
    part = fit(folder, ["a", "b", "a b"])
    adapter = TypeAdapter(Text)
    assert adapter.validate_json(adapter.dump_json(part)) == part
    bare = fit(folder, ["a", "b", "a b"], longest=0, reader=False)
    assert bare == fit(folder, ["any", "other", "three"], longest=0, reader=False)
    assert (part.fitted.rows, bare.fitted.buckets, bare.shortcut(3)) == (3, (), None)


@pytest.mark.parametrize("tune", ["frozen", "last:1", "full"])
def test_the_shortcut_reads_the_words_that_a_vector_hides(kit, tune):
    made = kit(texts=["a red bag", None, "the shoe", "a red shoe", "the bag", "bag"] * 4, tune=tune)
    assert made.model.short == ("note",)
    short = made.model.shortcuts[0]
    with torch.no_grad():
        short.weights.weight.normal_()
    made.model.eval()
    kept = keep(made.model, made.pack)
    assert isinstance(kept.inputs["note"], Repeated) == (tune != "full")
    for rows in (torch.arange(24), torch.tensor([3, 1, 0]), torch.tensor([1])):
        expected = made.model(made.pack[rows].inputs)["sold"]
        assert torch.allclose(made.model(kept[rows].inputs)["sold"], expected, atol=1e-5)
    words = made.pack[torch.tensor([0])].inputs["note"]
    assert short(words).abs().sum() > 0.1
    # It is there in the answer: without it another one is given.
    before = made.model(kept[torch.arange(24)].inputs)["sold"]
    with torch.no_grad():
        short.weights.weight.zero_()
    after = made.model(kept[torch.arange(24)].inputs)["sold"]
    assert not torch.allclose(before, after, atol=0.01)
    assert torch.equal(before[1], after[1])  # no text, no words


def test_a_row_whose_text_is_hidden_has_no_words_either(kit):
    made = kit(texts=["a red bag", "the shoe", "a red shoe", "the bag"] * 4)
    with torch.no_grad():
        made.model.shortcuts[0].weights.weight.normal_()
    batch = keep(made.model.eval(), made.pack)[torch.arange(16)]
    note = batch.inputs["note"]
    hidden = {**batch.inputs, "note": replace(note, mask=torch.zeros(16).bool())}
    assert torch.equal(
        made.model(hidden)["sold"], made.model(batch.inputs, views=[("age",)])["age",]["sold"]
    )


def test_texts_in_a_bag_have_their_words(folder):
    texts = [["a red bag", "the shoe"], None, ["the shoe"], ["a red bag", "bag", "the bag"]] * 4
    table = {"notes": texts, "sold": [True, False] * 8}
    part = Bag(columns=("notes",), of=Text(encoder=folder))
    schema = Schema.infer(table, targets=["sold"], inputs={"notes": part}).fit(table)
    model = Model(schema, width=8).eval()
    with torch.no_grad():
        model.shortcuts[0].each.weights.weight.normal_()
    pack = schema.pack(table)
    kept = keep(model, pack)
    rows = torch.tensor([3, 0, 1, 2])
    assert isinstance(kept.inputs["notes"].cells, Repeated)
    found, expected = (model(each[rows].inputs)["sold"] for each in (kept, pack))
    assert torch.allclose(found, expected, atol=1e-5)


def test_augment_leaves_tokens_and_kept_vectors_alone(folder):
    cells = Masked(torch.tensor([[2, 4, 3]]), torch.ones(1, 3).bool())
    assert fit(folder, ["a"]).augment(cells, lambda n: torch.zeros(1, n)) is cells
    kept = Kept(torch.zeros(1, 4), torch.ones(1).bool())
    scratch = Text(columns=("x",), forget=0.9).fit(Table.of({"x": ["a b", "a"]}))
    assert scratch.augment(kept, lambda n: torch.zeros(1, n)) is kept


@pytest.mark.parametrize("tune", MODES)
def test_gradients_reach_what_is_tuned_and_nothing_else(kit, tune):
    made = kit(tune=tune)
    encoder = made.encoder.train()
    inputs = made.pack[torch.tensor([0, 1, 4])].inputs
    encoder(inputs["note"]).values.square().sum().backward()
    got = {name for name, weight in encoder.named_parameters() if weight.grad is not None}
    free = {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    everything = {name for name, _ in encoder.named_parameters()}
    block, head, rest = 16, 4, 5  # of BERT: weights in a block, in the projection, before both
    words = 15 if tune == "frozen" else 0  # of the reader
    wanted = {"frozen": head + words, "last:1": head + block, "last:2": head + 2 * block,
              "lora": head + 2 * 2 * 2, "full": head + 2 * block + rest}  # fmt: skip
    assert got == free
    assert len(free) == wanted[tune]
    assert len(everything) == head + 2 * block + rest + words + (8 if tune == "lora" else 0)
    if tune == "lora":
        assert all("lora" in name or name.startswith("2.") for name in free)
    if tune == "last:1":
        assert all(name.startswith("tuned.") for name in free)


@pytest.mark.parametrize("tune", MODES)
def test_every_mode_begins_as_the_same_function(kit, tune):
    plain = kit(tune="full")
    made = kit(tune=tune, reader=False) if tune == "frozen" else kit(tune=tune)
    batch = plain.pack[torch.tensor([0, 1, 4, 5])].inputs["note"]
    heads = [list(each.encoder.modules())[-3:] for each in (plain, made)]
    for one, other in zip(*heads, strict=True):
        if isinstance(other, nn.Linear | nn.LayerNorm):
            other.load_state_dict(one.state_dict())
    assert torch.allclose(made.encoder(batch).values, plain.encoder(batch).values, atol=1e-6)


@pytest.mark.parametrize("family", ["bert", "camembert", "distilbert", "electra", "roberta",
                                    "xlm-roberta"])  # fmt: skip
@pytest.mark.parametrize("pad", [0, 1])
def test_the_last_blocks_go_on_where_the_still_ones_end(kit, making, tmp_path, family, pad):
    encoder = making(tmp_path / "net", family, pad_token_id=pad)
    whole = kit(encoder, tune="full", max_length=16).encoder[0]
    made = kit(encoder, tune="last:1", max_length=16)
    batch = made.pack[torch.arange(8)].inputs["note"]
    batch = batch.take(batch.present.nonzero()[:, 0])
    expected = whole.eval()(batch)
    states = made.encoder.still(batch)
    found = made.encoder.tuned[0](Kept(states.values, states.mask))
    assert torch.allclose(found.values[batch.mask], expected.values[batch.mask], atol=1e-6)
    assert not torch.allclose(states.values[batch.mask], expected.values[batch.mask], atol=0.1)
    for row in range(len(batch)):  # and each text has what it has when it comes alone
        alone = batch.take(torch.tensor([row]))
        length = int(alone.mask.sum())
        alone = Masked(alone.values[:, :length], alone.mask[:, :length])
        assert torch.allclose(whole(alone).values[0], expected.values[row, :length], atol=1e-5)


@pytest.mark.parametrize("tune", MODES)
@pytest.mark.parametrize("junk", [3, -7, 10**12])
def test_what_is_masked_has_no_say(kit, tune, junk):
    encode = kit(tune=tune).encoder
    mask = torch.tensor([[True, True, False], [True] * 3, [False] * 3])
    values = torch.tensor([[2, 4, 0], [2, 5, 3], [0, 0, 0]])
    clean = encode(Masked(values, mask))
    soiled = encode(Masked(values.masked_fill(~mask, junk), mask))
    assert torch.equal(clean.values[:2], soiled.values[:2])
    assert clean.values.isfinite().all()
    tokens = 3 if tune == "frozen" else 1  # of the vector, and two of the words
    assert clean.mask.tolist() == [[True] * tokens, [True] * tokens, [False] * tokens]


@pytest.mark.parametrize("junk", [float("nan"), float("inf"), 1e30])
def test_what_is_masked_of_kept_vectors_has_no_say(kit, junk):
    for tune in ("frozen", "last:1"):
        encode = kit(tune=tune).encoder
        mask = torch.tensor([True, False])
        if tune == "last:1":
            mask = torch.tensor([[True, True, False], [False] * 3])
        values = torch.randn(*mask.shape, 32)
        soiled = values.clone()
        soiled[~mask] = junk
        words = Masked(torch.tensor([[2, 4, 3], [9, 9, 9]]), torch.ones(2, 3).bool())
        words = replace(words, mask=words.mask & torch.tensor([[True], [False]]))
        clean = encode(Kept(values, mask, words)).values
        assert torch.equal(clean[0], encode(Kept(soiled, mask, words)).values[0])
        assert encode(Kept(soiled, mask, words)).values.isfinite().all()


def test_still_is_never_in_training(kit):
    made = kit(tune="last:1")
    made.model.train()
    assert not any(part.training for part in made.encoder.still.modules())
    assert all(part.training for part in made.encoder.tuned.modules())
    batch = made.pack[torch.arange(2)].inputs["note"]
    one, other = (made.encoder(batch).values for _ in range(2))
    assert not torch.equal(one, other)  # dropout of what is tuned
    assert torch.equal(*(made.encoder.still(batch).values for _ in range(2)))
    assert isinstance(made.encoder, Staged)


def test_pooling_is_what_the_folder_says(kit, making, tmp_path, edit):
    encoder = making(tmp_path / "net")
    found = {}
    for said in ("nothing", "mean", "cls", "max", "new"):
        flags = {f"pooling_mode_{each}_token{'s' * (each != 'cls')}": each == said
                 for each in ("mean", "cls", "max")}  # fmt: skip
        if said == "max":
            edit(encoder, "1_Pooling/config.json", **flags)
            with pytest.raises(ValueError, match="pooling_mode_max_tokens"):
                kit(encoder)
            continue
        if said == "new":
            flags = {"pooling_mode": "cls"}
        if said != "nothing":
            edit(encoder, "1_Pooling/config.json", **flags)
        made = kit(encoder)
        batch = made.pack[torch.tensor([0, 4])].inputs["note"]
        states = made.encoder.still[0](batch).values
        pairs = zip(states, batch.mask, strict=True)
        mean = torch.stack([row[mask].mean(0) for row, mask in pairs])
        first = states[:, 0]
        found[said] = made.encoder.still(batch).values
        expected = mean if said in ("nothing", "mean") else first
        assert torch.allclose(found[said], expected, atol=1e-6)


def test_texts_that_are_not_there_never_reach_the_net(kit):
    made = kit()
    rows = made.counted()
    outputs(made.model, made.pack)
    assert rows == [6]


def test_weights_are_not_read_where_they_come_from_elsewhere(kit, making, tmp_path):
    encoder = making(tmp_path / "net")
    made = kit(encoder)
    expected = outputs(made.model, made.pack)["sold"]
    shutil.rmtree(tmp_path / "net")
    part = made.schema.inputs["note"]
    with pytest.raises(ConfigError, match=r"should name a folder. There is no such folder"):
        part.build(8)
    with without_weights():
        made.model.encoders[0] = part.build(8)
    made.model.eval()
    assert not torch.allclose(outputs(made.model, made.pack)["sold"], expected)


def test_a_folder_whose_weights_have_changed_is_refused(kit, making, tmp_path):
    encoder = making(tmp_path / "net")
    part = kit(encoder).schema.inputs["note"]
    making(tmp_path / "net", seed=5)
    with pytest.raises(ConfigError, match="They have another SHA-256 now"):
        part.build(8)


def test_the_files_of_the_encoder_are_told(folder):
    part = Text(columns=("x",), encoder=folder)
    found = [path.name for path in part.files(Table.of({"x": ["a"]}))]
    assert found == ["config.json", "model.safetensors", "tokenizer.json"]
    assert Text(columns=("x",)).files(Table.of({"x": ["a"]})) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tune": "last:3"}, "at most 'last:2'"),
        ({"max_length": 2}, "more than 2"),
        ({"max_length": 141}, "at most 140"),
        ({"vocabulary": 100}, "`vocabulary` should be left out"),
        ({"forget": 0.1}, "`forget` should be left out"),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused(folder, options, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        fit(folder, ["a"], **options).build(8)


@pytest.mark.parametrize("tune", ["last:0", "last:", "last:x", "half", "Frozen"])
def test_there_are_four_ways_to_tune(tune):
    with pytest.raises(ValueError, match="tune"):
        Text(encoder="hf:x", tune=tune)


@pytest.mark.parametrize("encoder", ["hf:", "bagg", "hf"])
def test_there_are_no_other_encoders(encoder):
    with pytest.raises(ValueError, match="'scratch', 'bag' or 'transformer'"):
        Text(encoder=encoder)


@pytest.mark.parametrize("encoder", ["scratch", "bag", "transformer"])
def test_nothing_pretrained_is_tuned(encoder):
    with pytest.raises(ConfigError, match=r"`tune` should be left out.*starts from nothing"):
        fit(encoder, ["a"], tune="full")


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("config.json", "should hold 'config.json'"),
        ("tokenizer.json", "should hold 'tokenizer.json'"),
        ("model.safetensors", "'model.safetensors'. It does not"),
    ],
)
def test_what_is_missing_in_the_folder_is_told(making, tmp_path, part, told):
    encoder = making(tmp_path / "net")
    (tmp_path / "net" / part).unlink()
    with pytest.raises(ConfigError, match=re.escape(told)):
        fit(encoder, ["a"])
    (tmp_path / "net" / part).write_text("{")
    if part != "model.safetensors":
        with pytest.raises(ConfigError, match="cannot be read"):
            fit(encoder, ["a"])


def test_a_config_that_could_bring_code_does_not(making, tmp_path, edit, monkeypatch):
    encoder = making(tmp_path / "net")
    (tmp_path / "net" / "evil.py").write_text("raise SystemExit('code was run')")
    edit(encoder, "config.json", auto_map={"AutoModel": "evil.Net", "AutoConfig": "evil.Config"},
         _attn_implementation="someone/kernels", attn_implementation="someone/kernels",
         quantization_config={"quant_method": "bitsandbytes"}, is_decoder=True,
         return_dict=False, output_hidden_states=True)  # fmt: skip
    part = fit(encoder, ["a red bag"])
    known = json.loads(part.fitted.config)
    assert not [key for key in known if key.startswith("_") or "map" in key or "attn" in key]
    batch = packed(part, ["a red bag"]).cells.take(torch.arange(1))
    clean = fit(making(tmp_path / "clean"), ["a"]).build(8)
    assert torch.equal(part.build(8).still(batch).values, clean.still(batch).values)
    # The same in a saved schema, where nobody has looked at it.
    loud = json.dumps({**known, "auto_map": {"AutoModel": "evil.Net"}, "is_decoder": True})
    with without_weights():
        net = replace(part, fitted=replace(part.fitted, config=loud)).build(8).still[0].net
    assert not net.config.is_decoder
    assert net.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("family", ["gpt2", "clip", None, "nonsense"])
def test_only_text_encoders_are_taken(making, tmp_path, edit, family):
    encoder = making(tmp_path / "net")
    edit(encoder, "config.json", model_type=family)
    with pytest.raises(ConfigError, match=f"one of these families.*Found {family!r}"):
        fit(encoder, ["a"])


def test_weights_of_another_shape_are_refused(making, tmp_path, edit):
    encoder = making(tmp_path / "net")
    for option in ({"num_hidden_layers": 3}, {"num_hidden_layers": 2, "intermediate_size": 40}):
        edit(encoder, "config.json", **option)
        with pytest.raises(ConfigError, match="should be"):
            fit(encoder, ["a"]).build(8)


def test_a_tokenizer_of_another_model_is_refused(making, tmp_path, edit):
    encoder = making(tmp_path / "net")
    edit(encoder, "config.json", vocab_size=12)
    with pytest.raises(ConfigError, match=r"numbers below 12.*'(fits|well)'"):
        fit(encoder, ["a"])


def test_last_blocks_of_an_unknown_family_are_refused(making, tmp_path):
    encoder = making(tmp_path / "net", "mpnet")
    with pytest.raises(ConfigError, match="of one of these families: bert, camembert"):
        fit(encoder, ["a"], tune="last:1", max_length=16).build(8)
    fit(encoder, ["a"], tune="lora", max_length=16).build(8)


def test_a_model_of_the_hub_is_taken_from_its_cache(making, tmp_path, monkeypatch):
    from huggingface_hub import constants

    home = tmp_path / "hub" / "models--someone--small"
    making(home / "snapshots" / "abc")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fit("hf:someone/small", ["a"]).build(8) is not None
    with pytest.raises(ConfigError, match="'hf:someone/other' should name a folder, or a model"):
        fit("hf:someone/other", ["a"])


@pytest.mark.parametrize("shown", [True, False])
def test_nothing_is_printed_and_nothing_stays_changed(folder, capfd, shown):
    from huggingface_hub import utils
    from transformers.utils import logging

    level = logging.get_verbosity()
    (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
    try:
        fit(folder, ["a"], tune="lora").build(8)
        assert capfd.readouterr() == ("", "")
        assert logging.get_verbosity() == level
        assert logging.is_progress_bar_enabled() == shown
        assert utils.are_progress_bars_disabled() == (not shown)
    finally:
        logging.enable_progress_bar()


@pytest.mark.parametrize(("package", "extra"), [("transformers", "hf"), ("peft", "lora")])
def test_a_missing_package_is_told(folder, monkeypatch, package, extra):
    part = fit(folder, ["a"], tune="lora")
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ConfigError, match=re.escape(f"pip install 'plait[{extra}]'")):
        part.build(8)


def test_names_of_folders_may_be_relative(making, tmp_path, monkeypatch):
    making(tmp_path / "net")
    monkeypatch.chdir(tmp_path)
    assert fit("hf:net", ["a"]).fitted == fit(f"hf:{Path.cwd() / 'net'}", ["a"]).fitted
