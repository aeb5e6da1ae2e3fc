"""Text."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from plait._errors import ConfigError, DataError
from plait.data import Kept, Masked, Note, Packed, Ragged, Table
from plait.data._cells import texts

from ._base import STRICT, Draw, Modality
from ._hf_folder import PREFIX, HfFolder
from ._pretrained_fit import PretrainedFit, frame
from ._pretrained_text import pretrained_text
from ._pretrained_tune import Decay, Tune, check_options, decay_of
from ._static_folder import STATIC, StaticFolder
from ._static_net import static_fit
from ._text_encoder import TextEncoder
from ._text_fit import TextFit
from ._text_reader import MANY
from ._text_runs import common, frequent
from ._text_shortcut import TextShortcut, rarities
from ._text_tokens import UNKNOWN_ID, chunks, trained
from ._tokenizer import tokenizer_of, unknown_of

LONG = 16
FORGET = 0.1
Share = Annotated[float, Field(ge=0, lt=1)]
Pretrained = Annotated[str, Field(pattern=rf"^({PREFIX}|{STATIC}).")]


@dataclass(frozen=True, config=STRICT)
class Text(Modality):
    """A column of free text, read by a tokenizer that is trained on the user's own words.

    A deep encoder reads the tokens, and a linear *shortcut* leads from single tokens and pairs
    straight to the outputs. Upper and lower case are the same. An empty cell is missing.

    A pretrained encoder reads the text with the tokenizer that it was trained with; take one where
    there are few texts, or where meaning counts more than single words. The shortcut stands beside
    it all the same: one vector of a text no longer says which words it was made of. A saved model
    holds all of it, and needs its folder no more.

    Args:
        encoder: ``"bag"`` reads single tokens and their next neighbors, ``"transformer"`` the whole
            text; both start from nothing. ``"scratch"`` takes the transformer from 100,000 texts
            on. ``"hf:NAME"`` is a pretrained encoder in the format of the transformers library: a
            folder, or else a model of the hub that is in its cache or may be fetched.
            ``"static:FOLDER"`` is a table of token vectors (as model2vec, sentence-transformers
            and wordllama save them), of which a text gets the mean: some hundred times as fast,
            and deaf to the order of words.
        max_length: Tokens beyond this many are cut off, and counted.
        tune: How much of a pretrained encoder is trained: ``"frozen"`` (nothing, the default),
            ``"last:k"`` (its last k blocks), ``"lora"`` (small matrices beside its attention) or
            ``"full"``. What is not trained is run once for each different text. Token vectors
            know ``"frozen"`` and ``"full"``.
        layer_decay: With ``"full"`` and ``"last:k"``, the share of the learning rate that a block
            of a pretrained encoder takes of the one above it; left out, 0.95.
        reader: Whether an encoder that starts from nothing reads the tokens beside a frozen one;
            left out, it does. Only for ``"frozen"``.
        vocabulary: How many different tokens there may be, padding and the unknown one included.
        longest: How many tokens a run of the shortcut has at most; 0 leaves the shortcut out.
        least: In how many texts a run has to occur to be known.
        forget: Share of the tokens that a training step sees as unknown; left out, a tenth of
            texts of 16 tokens or more on average, and half of that of shorter ones. Not for a
            pretrained encoder, which sees all of them; there, a tenth of the runs is hidden
            from the shortcut.
        fitted: The tokenizer and the runs of the training texts, or what has to be known of the
            pretrained encoder, found by :meth:`fit`.

    Raises:
        DataError: From :meth:`fit`, if there is no text.
        ConfigError: From :meth:`fit`, if an option does not go with the encoder, or the pretrained
            encoder is not there or cannot be used.

    Example:
        >>> table = Table.of({"note": ["a red bag", None, "A red shoe"]})
        >>> note = Text(columns=("note",)).fit(table)
        >>> cells = note.pack(table).cells
        >>> cells.present.tolist(), int(cells.lengths[1])
        ([True, False, True], 0)
    """

    encoder: Literal["scratch", "bag", "transformer"] | Pretrained = "scratch"
    max_length: PositiveInt = 128
    tune: Tune | None = None
    layer_decay: Decay | None = None
    reader: bool | None = None
    vocabulary: Annotated[int, Field(ge=2)] = 16_000
    longest: NonNegativeInt = 2
    least: PositiveInt = 2
    forget: Share | None = None
    fitted: TextFit | PretrainedFit | None = None

    # The base has it by class; of texts it depends on how much is trained.
    @property
    def SEEN(self) -> int | None:  # noqa: N802  # ty: ignore[incompatible-property-override]
        """60,000 rows; where the shortcut alone stands beside a frozen encoder, 90,000.

        A frozen encoder without reader and shortcut has nothing that learns much by heart.
        """
        pretrained = self.encoder.startswith((PREFIX, STATIC))
        if pretrained and self.tune in (None, "frozen") and self.reader is False:
            return 90_000 if self.longest else None
        return 60_000

    def fit(self, table: Table) -> "Text":
        """A copy with a tokenizer trained on the texts, and the runs that are frequent enough."""
        column = self.column
        cells = texts(table[column])
        if cells.null_count == len(cells):
            raise DataError(
                f"The input {column!r} should hold text. Found none: every cell is empty. "
                "Leave the column out."
            )
        known = len(cells) - cells.null_count
        if self.encoder.startswith((PREFIX, STATIC)):
            return replace(self, fitted=self._pretrained())._with_runs(table, known)
        check_options(self.tune, self.layer_decay, self.encoder, column, self.reader)
        tokenizer = trained(cells, self.vocabulary)
        fitted = TextFit(tokenizer.to_str(), tokenizer.get_vocab_size())
        return replace(self, fitted=fitted)._with_runs(table, known)

    def _with_runs(self, table: Table, rows: int) -> "Text":
        assert self.fitted is not None, "there is a tokenizer to find them with"
        cells = self.pack(table).cells
        assert isinstance(cells, Ragged)
        buckets, counts = frequent(cells, self.longest, self.least)
        told = replace(self.fitted, rows=rows, buckets=buckets, counts=counts)
        if isinstance(told, TextFit):
            told = replace(told, length=len(cells.values) / rows)
        elif self.reader is not False and self.tune in (None, "frozen"):
            told = replace(told, tokens=common(cells, self.least))
        return replace(self, fitted=told)

    def _pretrained(self) -> PretrainedFit:
        usual = {each.name: each.default for each in fields(self)}
        for name in ("vocabulary", "forget"):
            if getattr(self, name) != usual[name]:
                raise ConfigError(
                    f"`{name}` should be left out for a pretrained encoder, which has a vocabulary "
                    f"of its own and sees all tokens. Got {getattr(self, name)!r}."
                )
        tune = self.tune or "frozen"
        decay_of(tune, self.layer_decay, 1.0)
        if self.reader is not None and tune != "frozen":
            raise ConfigError(
                f"`reader` should be left out for `tune={tune!r}`: it stands beside a frozen "
                f"encoder only. Got {self.reader!r}. Leave it out, or take 'frozen'."
            )
        if self.encoder.startswith(STATIC):
            return static_fit(self.encoder, tune)
        return PretrainedFit.of(self.encoder, self.max_length, tune)

    def pack(self, table: Table) -> Packed:
        """Numbers of tokens: int64, ragged over ``[rows]``."""
        if self.fitted is None:
            raise self.unfitted()
        column = self.column
        cells = texts(table[column])
        tokenizer = tokenizer_of(self.fitted.tokenizer)
        before, after = frame(tokenizer) if isinstance(self.fitted, PretrainedFit) else ([], [])
        room = self.max_length - len(before) - len(after)
        values, lengths, cut, unseen = [], [], 0, 0
        stranger = unknown_of(self.fitted.tokenizer)
        for chunk in chunks(cells):
            for encoding in tokenizer.encode_batch_fast(chunk, add_special_tokens=False):
                ids = encoding.ids
                cut += len(ids) > room
                unseen += ids.count(stranger) if stranger is not None else 0
                framed = [*before, *ids[:room], *after] if ids else []
                values.append(np.array(framed, np.int64))
                lengths.append(len(framed))
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        there = np.array(lengths) > 0  # what holds nothing but invisible marks has no token either
        missing = int((~there).sum())
        notes = [Note(column, "missing", missing)] if missing else []
        notes += [Note(column, f"cut to {self.max_length} tokens", cut)] if cut else []
        notes += [Note(column, "unseen tokens", unseen)] if unseen else []
        ragged = Ragged(
            torch.from_numpy(np.concatenate(values)),
            torch.from_numpy(offsets),
            torch.from_numpy(there),
        )
        return Packed(ragged, tuple(notes))

    def files(self, table: Table) -> list[Path]:
        """Those of a pretrained encoder."""
        if self.encoder.startswith(STATIC):
            return StaticFolder.of(self.encoder).files
        return HfFolder.of(self.encoder).files if self.encoder.startswith(PREFIX) else []

    def augment(self, cells: Masked, draw: Draw) -> Masked:
        """Some tokens seen as unknown, so that no single word is relied on.

        Those of a pretrained encoder are left as they are.
        """
        if isinstance(cells, Kept) or isinstance(self.fitted, PretrainedFit):
            return cells
        share = self.forget
        if share is None:
            share = 0.1 if self.fitted and self.fitted.length >= LONG else 0.05
        if not share:
            return cells
        hidden = (draw(cells.values.shape[1]) < share) & cells.mask
        return Masked(cells.values.masked_fill(hidden, UNKNOWN_ID), cells.mask)

    def build(self, width: int) -> nn.Module:
        """A :class:`TextEncoder` of this vocabulary, or the pretrained encoder."""
        if self.fitted is None:
            raise self.unfitted()
        if isinstance(self.fitted, PretrainedFit):
            tune = self.tune or "frozen"
            return pretrained_text(
                self.fitted, self.encoder, tune, self.layer_decay, width, self.max_length
            )
        ordered = self.encoder == "transformer" or (
            self.encoder == "scratch" and self.fitted.rows >= MANY
        )
        return TextEncoder(self.fitted.tokens, width, self.max_length, ordered=ordered)

    def shortcut(self, outputs: int) -> nn.Module | None:
        """A :class:`TextShortcut` over the known runs."""
        if self.fitted is None:
            raise self.unfitted()
        if not self.fitted.buckets:
            return None
        rarity = rarities(self.fitted.rows, self.fitted.counts)
        # Where the tokens themselves are left as they are, some of their runs are forgotten here.
        dropout = FORGET if isinstance(self.fitted, PretrainedFit) else 0.0
        return TextShortcut(
            self.fitted.buckets, rarity, outputs, longest=self.longest, dropout=dropout
        )
