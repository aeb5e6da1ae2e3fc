"""Small pretrained encoders, made on the spot."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel

from plait import Model, Numeric, Schema, Text
from plait.data import Pack, Ragged
from plait.fusion import Mean
from plait.modalities._quiet import quiet

SIZE, LAYERS, PAD, START, END = 32, 2, 0, 2, 3
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", "red", "blue", "bag", "shoe", "and", "is",
         "fits", "well"]  # fmt: skip
TEXTS = [
    "a red bag", "the blue shoe", None, "a red bag", "the red shoe and the blue bag is a bag",
    "bag", "  ", "The blue shoe",
]  # fmt: skip
SHAPES = {
    "bert": {"intermediate_size": 48, "num_hidden_layers": LAYERS, "num_attention_heads": 4},
    "distilbert": {"n_layers": LAYERS, "n_heads": 4, "dim": SIZE, "hidden_dim": 48},
}


def make(folder: Path, family: str = "bert", seed: int = 0, std: float = 0.3, **options) -> str:
    """The folder of an encoder of random weights, and its name for an input."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.WordPiece({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", END), ("[CLS]", START))
    # As they are often found: they would spoil what is kept for a cell.
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(4)
    tokenizer.save(str(folder / "tokenizer.json"))
    shape = SHAPES.get(family, SHAPES["bert"])
    plain = {"hidden_size": SIZE, "vocab_size": len(WORDS), "max_position_embeddings": 140,
             "pad_token_id": PAD, **shape, **options}  # fmt: skip
    if family == "distilbert":
        plain.pop("hidden_size")
    with torch.random.fork_rng(), quiet():
        torch.manual_seed(seed)
        net = AutoModel.from_config(AutoConfig.for_model(family, **plain))
        for name, weight in net.named_parameters():
            # Weights as small as those of a net that is new would hide a wrong mask.
            torch.nn.init.normal_(weight, mean=float("norm" in name.lower()), std=std)
        net.save_pretrained(folder)
    return f"hf:{folder}"


class Kit:
    """A schema with one pretrained text, its pack, and its model."""

    def __init__(self, encoder: str, texts=TEXTS, **options) -> None:
        self.table = {
            "note": texts,
            "age": [float(n) for n in range(len(texts))],
            "sold": [n % 2 == 0 for n in range(len(texts))],
        }
        note = Text(encoder=encoder, **options)
        inputs = {"note": note, "age": Numeric()}
        self.schema = Schema.infer(self.table, ["sold"], inputs).fit(self.table)
        self.pack: Pack = self.schema.pack(self.table)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.model = Model(self.schema, 8, fusion=Mean).eval()
            for weight in self.model.heads.parameters():
                torch.nn.init.normal_(weight)  # those of a new head may be zero

    @property
    def ids(self) -> Ragged:
        cells = self.pack.inputs["note"]
        assert isinstance(cells, Ragged)
        return cells

    @property
    def encoder(self):
        return self.model.encoders[list(self.model.inputs).index("note")]

    def counted(self) -> list[int]:
        """How many rows the still part has run, call by call."""
        rows: list[int] = []
        self.encoder.still.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
        return rows


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> str:
    return make(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def making():
    return make


@pytest.fixture
def kit(folder):
    def made(encoder: str = folder, texts=TEXTS, **options) -> Kit:
        return Kit(encoder, texts, **options)

    return made


@pytest.fixture
def edit():
    def edited(encoder: str, part: str, **values) -> None:
        path = Path(encoder.removeprefix("hf:")) / part
        path.parent.mkdir(exist_ok=True)
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, **values}))

    return edited
