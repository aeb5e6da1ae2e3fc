"""Small pretrained encoders, made on the spot."""

import importlib.util
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

if importlib.util.find_spec("torchvision"):
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # A torchvision that was built for another torch lacks its compiled operators, and both timm
        # and transformers want to import it. Two declarations are all that the import asks for.
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        OPERATORS = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

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


SIDE = 32
VIT = {"hidden_size": SIZE, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
       "intermediate_size": 48, "image_size": SIDE, "patch_size": 8}  # fmt: skip
STAGES = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
FOCAL = {
    "image_size": SIDE,
    "embed_dim": 8,
    "depths": [1, 1, 1, 1],
    "hidden_sizes": [8, 16, 24, 32],
}
SWIN = {"image_size": SIDE, "patch_size": 4, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2],
        "window_size": 4}  # fmt: skip
PICTURES = {
    "convnext": STAGES,
    "convnextv2": STAGES,
    "dinov3_convnext": STAGES,
    "focalnet": FOCAL,
    "mobilenet_v1": {"depth_multiplier": 0.1, "image_size": SIDE},
    "mobilenet_v2": {"depth_multiplier": 0.1, "image_size": SIDE},
    "poolformer": {**STAGES, "hidden_sizes": [8, 8, 8, 8]},
    "pvt_v2": {**STAGES, "image_size": SIDE, "num_attention_heads": [1, 1, 1, 1]},
    "regnet": {**STAGES, "embedding_size": 8, "groups_width": 8},
    "resnet": {**STAGES, "embedding_size": 8},
    "swin": SWIN,
    "swinv2": SWIN,
}
LOOK = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 36},
        "do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE}, "do_resize": True,
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "resample": 3,
        "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}  # fmt: skip


def make_picture(folder: Path, family: str = "vit", seed: int = 0, look=LOOK, **options) -> str:
    """The folder of a picture encoder of random weights, and its name for an input."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(), quiet():
        torch.manual_seed(seed)
        shape = {**PICTURES.get(family, VIT), **options}
        net = AutoModel.from_config(AutoConfig.for_model(family, **shape))
        for name, weight in net.state_dict().items():
            if weight.ndim > 1 and weight.numel():
                torch.nn.init.kaiming_normal_(weight)  # new ones hardly tell pictures apart
            if "running_mean" in name:
                torch.nn.init.normal_(weight, std=0.2)
        net.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(look))
    return f"hf:{folder}"


def make_photo(
    width: int = SIDE, height: int = SIDE, seed: int = 0, mode="RGB", kind="PNG"
) -> bytes:
    """The bytes of a picture that is smooth, and different for each seed."""
    draw = np.random.default_rng(seed)
    small = Pillow.fromarray(draw.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize((width, height), Pillow.Resampling.BICUBIC).convert(mode).save(file, kind)
    return file.getvalue()


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


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory) -> str:
    return make_picture(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="session")
def photo():
    return make_photo


@pytest.fixture(scope="session")
def making():
    return make


@pytest.fixture(scope="session")
def making_picture():
    return make_picture


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
