"""Words from nothing beside a frozen text encoder: what they read, what they are told apart by."""

import re
from dataclasses import replace

import pytest
import torch
from pydantic import TypeAdapter

from plait import ConfigError, Learner, Model, Schema, Table, Text, Training, load
from plait.data import Kept, Masked, Repeated
from plait.modalities import Bag, Staged
from plait.modalities._staged_text import StagedText
from plait.modalities._text_reader import TextReader
from plait.training import Trainer, keep

TEXTS = ["a red bag", None, "the shoe", "a red shoe", "the bag", "bag well"] * 4
FRAME, KNOWN = (2, 3), (2, 3, 4, 5, 6, 8, 9, 13)


def fit(encoder, cells=TEXTS, **options) -> Text:
    return Text(columns=("x",), encoder=encoder, **options).fit(Table.of({"x": cells}))


def test_it_knows_the_tokens_that_enough_texts_have(folder):
    assert fit(folder).fitted.tokens == KNOWN
    once = ["a red bag", "the red bag", "a a a bag"]
    assert fit(folder, once).fitted.tokens == (*FRAME, 4, 6, 8)  # `the` is in one text
    assert fit(folder, once, least=3).fitted.tokens == (*FRAME, 8)
    assert fit(folder, once, longest=0).fitted.tokens == (*FRAME, 4, 6, 8)
    many = ["red well"] + ["bag"] * 2_000 + ["red shoe"]  # counted in two parts
    assert fit(folder, many).fitted.tokens == (*FRAME, 6, 8)


def test_unknown_tokens_are_all_one():
    reader = TextReader([9, 2, 4], 8, 16).eval()
    there = torch.ones(1, 3).bool()
    one, other, known = (
        reader(Masked(torch.tensor([[2, token, 9]]), there)).values for token in (3, 10**6, 4)
    )
    assert torch.equal(one, other)
    assert not torch.allclose(one, known, atol=1e-3)


def test_a_training_step_sees_some_known_tokens_as_unknown():
    seen = []
    reader = TextReader(range(2, 10), 8, 400, forget=0.25)
    reader.read.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    cells = Masked(torch.randint(2, 10, [20, 400]), torch.rand(20, 400) < 0.9)
    reader(cells)
    reader.eval()(cells)
    hidden, plain = seen
    assert torch.equal(plain.values[plain.mask], cells.values[cells.mask] - 1)
    assert torch.equal(hidden.mask, cells.mask)
    share = (hidden.values[cells.mask] == 0).float().mean()
    assert 0.23 < share < 0.27
    left = (hidden.values != 0) & cells.mask
    assert torch.equal(hidden.values[left], plain.values[left])


@pytest.mark.parametrize("longest", [0, 2])
def test_what_is_kept_leaves_the_words_beside_it(kit, longest, tmp_path):
    made = kit(texts=TEXTS, longest=longest)
    assert isinstance(made.encoder, StagedText)
    kept = keep(made.model, made.pack, cache=tmp_path)
    assert isinstance(kept.inputs["note"], Repeated)
    for rows in (torch.arange(24), torch.tensor([3, 1, 0]), torch.tensor([1])):
        expected = made.model(made.pack[rows].inputs)["sold"]
        assert torch.allclose(made.model(kept[rows].inputs)["sold"], expected, atol=1e-5)
    # The words have a say, each token alone.
    batch = kept[torch.arange(24)].inputs
    before = made.model(batch)["sold"]
    with torch.no_grad():
        made.encoder.reader.read.table.weight.zero_()
    after = made.model(batch)["sold"]
    assert not torch.allclose(before[0], after[0], atol=1e-4)
    assert torch.equal(before[1], after[1])  # no text, no words


def test_a_row_whose_text_is_hidden_has_no_words_either(kit):
    made = kit(texts=["a red bag", "the shoe", "a red shoe", "the bag"] * 4, longest=0)
    batch = keep(made.model, made.pack)[torch.arange(16)]
    note = batch.inputs["note"]
    hidden = {**batch.inputs, "note": replace(note, mask=torch.zeros(16).bool())}
    expected = made.model(batch.inputs, views=[("age",)])["age",]["sold"]
    assert torch.equal(made.model(hidden)["sold"], expected)
    tokens = made.encoder(replace(note, mask=torch.arange(16) > 7))
    assert tokens.mask.tolist() == [[row > 7] * 3 for row in range(16)]


def test_texts_in_a_bag_have_their_words(folder):
    texts = [["a red bag", "the shoe"], None, ["the shoe"], ["a red bag", "bag", "the bag"]] * 4
    table = {"notes": texts, "sold": [True, False] * 8}
    part = Bag(columns=("notes",), of=Text(encoder=folder, longest=0))
    schema = Schema.infer(table, targets=["sold"], inputs={"notes": part}).fit(table)
    model = Model(schema, width=8).eval()
    with torch.no_grad():
        for weight in model.heads.parameters():
            weight.normal_()
    pack = schema.pack(table)
    kept = keep(model, pack)
    assert isinstance(kept.inputs["notes"].cells, Repeated)
    rows = torch.tensor([3, 0, 1, 2])
    found, expected = (model(each[rows].inputs)["sold"] for each in (kept, pack))
    assert torch.allclose(found, expected, atol=1e-5)


def test_the_words_learn_and_the_vectors_do_not(kit):
    made = kit(texts=TEXTS)
    before = {name: value.clone() for name, value in made.encoder.state_dict().items()}
    kept = keep(made.model, made.pack)
    Trainer(made.schema, Training(epochs=2, device="cpu")).fit(made.model, kept)
    changed = {n for n, value in made.encoder.state_dict().items() if not value.equal(before[n])}
    assert any(name.startswith("reader.") for name in changed)
    assert not any(name.startswith("still.") for name in changed)


def test_kept_cells_have_the_same_key_with_and_without_it(kit, tmp_path):
    bare, made = kit(reader=False), kit()
    assert bare.encoder.key == made.encoder.key
    keep(bare.model, bare.pack, cache=tmp_path)
    rows = made.counted()
    keep(made.model, made.pack, cache=tmp_path)
    assert rows == []


def test_kept_vectors_without_their_words_are_refused(kit):
    made = kit()
    with pytest.raises(ValueError, match="should have their `source`"):
        made.encoder(Kept(torch.zeros(1, 32), torch.ones(1).bool()))


@pytest.mark.parametrize("options", [{"reader": False}, {"tune": "last:1"}], ids=str)
def test_where_it_is_not_asked_for_it_is_not_there(folder, options):
    part = fit(folder, **options)
    assert part.fitted.tokens == ()
    assert type(part.build(8)) is Staged


def test_a_model_that_was_saved_without_it_stays_without_it(folder):
    part = fit(folder)
    told = TypeAdapter(Text).dump_python(part, mode="json")
    del told["reader"], told["fitted"]["tokens"]
    old = TypeAdapter(Text).validate_python(told)
    assert set(old.build(8).state_dict()) == set(fit(folder, reader=False).build(8).state_dict())
    assert isinstance(part.build(8), StagedText)


def test_a_saved_model_has_it(folder, tmp_path):
    table = {"x": TEXTS, "y": [row % 3 == 0 for row in range(24)]}
    inputs = {"x": Text(encoder=folder)}
    learner = Learner(["y"], inputs, training=Training(epochs=2, device="cpu")).fit(table)
    learner.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert isinstance(again.model.encoders[0], StagedText)
    assert again.predict(table) == learner.predict(table)


@pytest.mark.parametrize("reader", [True, False])
def test_it_stands_beside_frozen_encoders_only(folder, reader):
    with pytest.raises(ConfigError, match=re.escape("`reader` should be left out for `tune='full")):
        fit(folder, tune="full", reader=reader)
    with pytest.raises(ConfigError, match=r"`reader` should be left out.*starts from nothing"):
        fit("bag", reader=reader)
    assert isinstance(fit(folder, reader=True).build(8), StagedText)
