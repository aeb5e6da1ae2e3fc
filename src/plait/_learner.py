"""The whole way from a table to answers, in the manner of scikit-learn."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from . import _artifact
from ._account import Account
from ._answer import IN_MEMORY, answer, answers, scored
from ._assemble import checked_names, refuse_objects
from ._config import Config
from ._evaluate import Evaluation, evaluate
from ._fit import fitted
from ._launch import Launch
from ._model import View
from ._order import choices
from ._said import Said
from ._trained import Trained
from .data import Source
from .training import Callback, Progress, Training
from .training._world import first, heard, joined

CHOICES = ("fusion", "sharing", "balancing", "modality_balancing", "pretraining")
SIZE, HOW = ("width", "view"), (*CHOICES, "training", "seed", "budget")


class Learner(Trained):
    """One model for several targets of a table, from columns of any kind.

    Use it when the table is the starting point; for a loop of your own take :class:`~plait.Schema`.

    Args:
        targets: The names of the target columns, or a mapping from each to a task
            (``plait.Regression(log=True)``), the name of a task type, or None for a guess.
        inputs: What is known better than a guess: from a column to a modality
            (``plait.Text(max_length=64)``), the name of one, its options, or ``"ignore"``.
        fusion: How inputs are joined: a name in :mod:`plait.fusion`, ``{"name": ..., option: ...}``
            or a class. An object is copied; a model with one cannot be saved.
        sharing: What tasks share, likewise from :mod:`plait.sharing`.
        balancing: How losses are balanced, likewise from :mod:`plait.balancing`.
        modality_balancing: What losses of single inputs are for; :mod:`plait.modality_balancing`.
        pretraining: What comes first and needs no label, likewise from :mod:`plait.pretraining`.
        width: Size of a token; None chooses by the number of rows.
        view: The inputs that are looked at, by name; None for all.
        training: The choices of the loop.
        valid: The share of rows that is held back to choose the best weights by.
        cache: A folder for packed tables, so that another fit starts at once; True keeps costly
            ones in the user's own cache folder, False none.
        memory: How much of the memory a table or its pack may take before it stays on disk: a
            share, or bytes.
        seed: Of everything random.
        budget: How long training may take: seconds, or text like ``"20m"``.
        devices: How many processes :meth:`fit` trains with, each on its own GPU or on some cores of
            the processor; those beyond this one are started and ended by it.

    Example:
        >>> table = {"size": [n / 2 for n in range(100)], "price": [3.0 * n for n in range(100)]}
        >>> learner = Learner(targets=["price"], training=Training(epochs=2))
        >>> answers = learner.fit(table).predict({"size": [10, 20]})
        >>> sorted(answers), len(answers["price"])
        (['price'], 2)
    """

    def __init__(
        self,
        targets: Sequence[str] | Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
        *,
        fusion: Any = "Attention",
        sharing: Any = "Bottom",
        balancing: Any = "Sum",
        modality_balancing: Any = None,
        pretraining: Any = None,
        width: int | None = None,
        view: View | None = None,
        training: Training | None = None,
        valid: float = 0.1,
        cache: bool | str | Path = True,
        memory: int | float = 0.25,
        seed: int = 0,
        budget: str | float | None = None,
        devices: int = 1,
    ) -> None:
        self.targets, self.inputs = targets, dict(inputs or {})
        self.fusion, self.sharing, self.balancing = fusion, sharing, balancing
        self.modality_balancing, self.pretraining = modality_balancing, pretraining
        self.width, self.view, self.training = width, view, training or Training()
        self.valid, self.memory = valid, memory
        self.cache = str(cache) if isinstance(cache, Path) else cache
        self.seed, self.budget, self.devices = seed, budget, devices
        self._done = self._account = None

    @classmethod
    def from_config(cls, config: Config | Mapping[str, Any]) -> "Learner":
        """A learner with the choices of a configuration, or of the ``config`` of another."""
        config = config if isinstance(config, Config) else Config.of(config)
        options: dict[str, Any] = {name: getattr(config.model, name) for name in SIZE}
        options |= {**asdict(config.data), **{name: getattr(config, name) for name in HOW}}
        return cls(config.targets, config.inputs, **options)

    @property
    def _told(self) -> tuple[Said, Config]:
        """What it was told, in the words that it was told in, and all other choices.

        Raises:
            ConfigError: If a choice does not fit.
        """
        said = Said(self.targets, self.inputs, **{name: getattr(self, name) for name in CHOICES})
        model = {name: getattr(self, name) for name in SIZE}
        rows = {"valid": self.valid, "cache": self.cache, "memory": self.memory}
        loop = {name: getattr(self, name) for name in ("training", "seed", "budget")}
        return said, Config.of({"model": model, "data": rows, **loop})

    def fit(
        self,
        data: Any,
        valid: Any = None,
        *,
        root: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
        checkpoints: str | Path | None = None,
        resume: bool = False,
    ) -> "Learner":
        """Learn from a table; missing inputs and labels are fine.

        Args:
            data: Whatever holds a table (see :meth:`plait.data.Table.of`).
            valid: A table to choose the best weights by; left out, a share of ``data``.
            root: The folder that paths of pictures start from; left out, that of the file.
            callbacks: Who looks on.
            progress: Whether to show it on stderr; left out, on a terminal.
            checkpoints: A folder to write the training down in as it goes.
            resume: Whether to go on from the newest sound one.

        Raises:
            ConfigError: If a choice does not exist or does not fit.
            DataError: If the table or a column cannot be used; all problems at once.
            NonFiniteError: If a loss is not finite, before the optimizer steps.
            ArtifactError: If there are checkpoints to go on from, and none fits.
            Stopped: If a signal asked to end, after a checkpoint.
        """
        said, config = self._told
        checked_names(said)
        launch = Launch(self.devices, config.training)
        told = choices(said, config) if launch.size > 1 else {}
        shown = first() and (sys.stderr.isatty() if progress is None else progress)
        seen = Progress(config.seconds) if shown else nullcontext()
        with launch, joined(config.training.device), heard(), seen as bar:
            watching = [*callbacks, bar] if bar else list(callbacks)
            held = None if valid is None else Source.of(valid, root, memory=config.data.bytes)
            table = Source.of(data, root, memory=config.data.bytes)
            if launch.size > 1:
                launch.join(told, (data, table), (valid, held), checkpoints, resume)
            self._done = fitted(table, held, said, config, watching, checkpoints, resume)
        return self

    def predict(
        self, data: Any, *, keep: Iterable[str] = (), root: str | Path | None = None
    ) -> Any:
        """Answers for every row, in order, as the kind of table that came in.

        A warning tells of columns that are not there, and of cells that could not be read;
        :attr:`account` counts what was missing, unseen or out of range.

        Args:
            data: Whatever holds a table; of a path, the answer is an Arrow table.
            keep: Columns of the input to put before the answers.
            root: As for :meth:`fit`.

        Raises:
            DataError: If a column seems misspelled, no input is there, or a cell cannot be read.
        """
        source = Source.of(data, root, memory=IN_MEMORY)
        found = answer(self.schema, self.model, source, keep)
        self._account = Account.of(self.schema, source.rows, found.notes)
        return source.restore(found.table)

    def stream(
        self,
        data: Any,
        *,
        keep: Iterable[str] = (),
        root: str | Path | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> Iterator[pa.Table]:
        """The answers of :meth:`predict` part by part, as Arrow tables, in memory that stays level.

        Args:
            data: Whatever holds a table, of any length.
            keep: Columns of the input to put before the answers.
            root: As for :meth:`fit`.
            share: The number of this process and how many there are; each answers the rows of its
                share, one share after the other in the order of the table.

        Raises:
            DataError: If a column seems misspelled, no input is there, or a cell cannot be read.
            ConfigError: If there is no such share.
        """
        source = Source.of(data, root, memory=IN_MEMORY)
        return self._counted(answers(self.schema, self.model, source, keep, share))

    def evaluate(
        self, data: Any, *, drop: Collection[str] = (), root: str | Path | None = None
    ) -> Evaluation:
        """Scores of each task on its labelled rows, beside those of knowing nothing of the row.

        Args:
            data: Whatever holds a table with labels.
            drop: Inputs that are taken as missing in every row, to see what they are worth.
            root: As for :meth:`fit`.

        Raises:
            ConfigError: If there is no input of a name to drop.
            DataError: If a column seems misspelled, no input is there, or no target has a label.
        """
        source = Source.of(data, root)
        found = evaluate(self.schema, scored(self.schema, self.model, source, drop))
        self._account = Account.of(self.schema, source.rows, found.notes)
        return found

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model as a folder of JSON and safetensors, whole or not at all.

        Raises:
            ArtifactError: If something else stands there, or a model and ``overwrite`` is false.
            ConfigError: If fusion or sharing was given as an object.
        """
        refuse_objects(self.fusion, self.sharing, self.balancing, self.modality_balancing)
        done = self._trained
        return _artifact.save(path, done.schema, done.model, done.config, done.log, overwrite)
