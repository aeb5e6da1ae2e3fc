"""Texts: tokens, runs, weights by rarity, and what is counted."""

import hashlib
import math
import os
import subprocess
import sys
from collections import Counter

import pytest
import torch
from tokenizers import Tokenizer

from plait.data import Masked, Table
from plait.modalities import Text
from plait.modalities._ngrams import BUCKETS, document_counts, ngrams
from plait.modalities._text_shortcut import rarities

TEXTS = [
    "the red bag and the red shoe", "a red shoe", None, "the bag, the bag!", "nothing at all",
    "  ", "RED bag",
]  # fmt: skip


def fit(cells, **options) -> Text:
    return Text(columns=("x",), **options).fit(Table.of({"x": cells}))


def batch(part, cells) -> Masked:
    packed = part.pack(Table.of({"x": cells})).cells
    return packed.take(torch.arange(len(packed)))


def notes(part, cells):
    return [str(n) for n in part.pack(Table.of({"x": cells})).notes]


def hashed(run) -> int:
    """The bucket of a run of tokens, in plain Python."""
    state = 0
    for place, token in enumerate(run):
        state = (state * 1_000_003 + (token + 1) * 7_919 + place) % 2_147_483_647
    mixed = (state ^ (state >> 15)) * 2_654_435 % 2_147_483_647
    return mixed % (BUCKETS - 1) + 1


def runs(tokens, longest) -> list[tuple[int, ...]]:
    return [
        tuple(tokens[start : start + size])
        for size in range(1, longest + 1)
        for start in range(len(tokens) - size + 1)
    ]


@pytest.mark.parametrize("longest", [1, 2, 3, 9])
def test_runs_against_plain_python(longest):
    lengths = [5, 1, 7, 0]
    rows = [torch.randint(0, 60_000, [length]).tolist() for length in lengths]
    tokens = torch.tensor([row + [17] * (7 - len(row)) for row in rows])
    mask = torch.arange(7) < torch.tensor(lengths).unsqueeze(1)
    found = ngrams(tokens, mask, longest)
    for row, grams in zip(rows, found.tolist(), strict=True):
        assert Counter(g for g in grams if g) == Counter(map(hashed, runs(row, longest)))
    counts = document_counts(found)
    expected = Counter(bucket for row in rows for bucket in set(map(hashed, runs(row, longest))))
    assert {n: c for n, c in enumerate(counts.tolist()) if c} == dict(expected)


def test_different_runs_rarely_share_a_bucket():
    pairs = torch.randint(0, 16_000, [20_000, 2])
    found = ngrams(pairs, torch.ones_like(pairs).bool(), 2)[:, 2]
    distinct = len(set(map(tuple, pairs.tolist())))
    expected = BUCKETS * (1 - math.exp(-distinct / BUCKETS))
    assert len(found.unique()) > 0.98 * expected
    assert found.min() > 0
    assert found.max() < BUCKETS


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_shortcut_is_what_its_formula_says(longest):
    part = fit(TEXTS, longest=longest)
    cells = batch(part, [text or "" for text in TEXTS] + ["red red unheard"])
    rows = [values[mask].tolist() for values, mask in zip(cells.values, cells.mask, strict=True)]
    known = [row for row in rows[:-1] if row]
    assert part.fitted.rows == len(known) == 5
    documents = Counter(b for row in known for b in set(map(hashed, runs(row, longest))))
    often = {bucket: count for bucket, count in documents.items() if count >= 2}
    assert dict(zip(part.fitted.buckets, part.fitted.counts, strict=True)) == often
    short = part.shortcut(3)
    torch.nn.init.normal_(short.weights.weight)
    weight = dict(zip(part.fitted.buckets, short.weights.weight[1:], strict=True))
    for row, out in zip(rows, short(cells), strict=True):
        terms = [b for b in map(hashed, runs(row, longest)) if b in often]
        rarity = [math.log(6 / (1 + often[b])) + 1 for b in terms]
        length = math.sqrt(sum(r * r for r in rarity))
        parts = [weight[b] * 4.0 * r / length for b, r in zip(terms, rarity, strict=True)]
        assert torch.allclose(out, sum(parts, torch.zeros(3)), atol=1e-5)


def test_rarities_are_those_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer().fit(["red bag", "red shoe", "blue shoe", "shoe"])
    counts = [{"red": 2, "bag": 1, "shoe": 3, "blue": 1}[w]
              for w in vectorizer.get_feature_names_out()]  # fmt: skip
    assert rarities(4, counts) == pytest.approx(vectorizer.idf_.tolist())


def test_case_and_form_of_letters_do_not_matter():
    part = fit(["Straße ﬁne", "strasse fine", "CAFÉ"])
    one, other = (batch(part, [text]).values.tolist() for text in ("ﬁNE café", "FINE CAFE\u0301"))
    assert one == other


@pytest.mark.parametrize(
    "text",
    [
        "שלום עולם", "مرحبا بالعالم", "你好世界", "👩‍👩‍👧‍👦 🎉", "\u200b\u200d",
        "a" * 5000,
        "\x00\x01", "\u0301\u0301", "e\u0301" * 50, "\u202eabc", "\ufffd",
        "[PAD] [UNK]", "\U0010ffff",
    ],
    ids=ascii,
)  # fmt: skip
def test_any_text_is_read(text):
    for part in (fit(TEXTS, max_length=50), fit([text, text, "red"], max_length=50)):
        cells = batch(part, [text, "red"])
        assert cells.mask[1].any()
        assert int(cells.values.max()) < part.fitted.tokens
        known = cells.take(cells.present.nonzero()[:, 0])
        assert part.build(4)(known).values.isfinite().all()
        missing = ["x: 1 missing"] if not cells.present[0] else []
        assert notes(part, [text, "red"])[: len(missing)] == missing


def test_words_never_seen_are_unknown_letter_by_letter():
    part = fit(["abc abc", "abc"])
    cells = batch(part, ["xyz", "abc"])
    assert cells.values[0].tolist() == [1, 1, 1]
    assert cells.values[1, cells.mask[1]].tolist() not in ([1], [])


def test_holes_and_cuts_are_counted():
    part = fit(TEXTS, max_length=3)
    assert notes(part, TEXTS) == ["x: 2 missing", "x: 3 cut to 3 tokens"]
    cells = batch(part, TEXTS)
    assert cells.mask.sum(1).tolist() == [3, 3, 0, 3, 3, 0, 2]
    whole = batch(fit(TEXTS), TEXTS)
    assert torch.equal(cells.values[0], whole.values[0, :3])


@pytest.mark.parametrize("cells", [[None, None], ["", "  "]])
def test_nothing_to_fit(cells):
    with pytest.raises(ValueError, match=r"'x' should hold text. Found none: every cell is empty"):
        fit(cells)


@pytest.mark.parametrize("options", [{"longest": -1}, {"vocabulary": 1}, {"max_length": 0},
                                     {"forget": 1.0}, {"least": 0}], ids=str)  # fmt: skip
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Text(columns=("x",), **options)


@pytest.mark.parametrize("vocabulary", [2, 5, 12, 40])
def test_vocabulary_is_kept(vocabulary):
    part = fit([*TEXTS, "你好世界 abcdefghijklmnopqrstuvwxyz"] * 2, vocabulary=vocabulary)
    assert part.fitted.tokens <= vocabulary
    assert Tokenizer.from_str(part.fitted.tokenizer).get_vocab_size() == part.fitted.tokens
    assert batch(part, ["red bag"]).mask.any()


def test_training_is_the_same_in_every_process():
    code = (
        "from plait.modalities import Text; from plait.data import Table; import hashlib;"
        "words = [f'w{n % 97}x{n % 31} y{n % 7}' for n in range(400)];"
        "fitted = Text(columns=('x',), vocabulary=200).fit(Table.of({'x': words})).fitted;"
        "print(hashlib.sha256(repr(fitted).encode()).hexdigest())"
    )
    apart = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "1", "RAYON_NUM_THREADS": "4"},
    )  # fmt: skip
    words = [f"w{n % 97}x{n % 31} y{n % 7}" for n in range(400)]
    here = hashlib.sha256(repr(fit(words, vocabulary=200).fitted).encode()).hexdigest()
    assert apart.stdout.strip() == here


def test_only_the_transformer_reads_in_order():
    # Both have the same tokens, each with the same neighbors.
    here, there = "a a b b a a c c a a", "a a c c a a b b a a"
    for encoder, ordered in (("transformer", True), ("bag", False)):
        part = fit([here, there], encoder=encoder)
        encode = part.build(4).eval()
        for weight in encode.parameters():
            torch.nn.init.normal_(weight, std=0.3)
        one, other = (encode(batch(part, [text])).values[0] for text in (here, there))
        assert torch.allclose(one[0], other[0], atol=1e-5)
        assert torch.allclose(one[1], other[1], atol=1e-5) != ordered
    long = part.fit(Table.of({"x": ["a"] * 100_000 + [None]}))
    assert Text(encoder="scratch", fitted=long.fitted).build(4).block is not None
    assert Text(encoder="bag", fitted=long.fitted).build(4).block is None
