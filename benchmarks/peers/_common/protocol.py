"""What the script of every peer shares: the scenario, the clock, the answers and the last line."""

import contextlib
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

UNSUPPORTED = 3
Answers = Mapping[str, np.ndarray]
"""For each target a value, the probability of class 1, or a class, one per row."""


class UnsupportedError(Exception):
    """The peer has nothing for an input or a target of the scenario."""


@dataclass(frozen=True)
class Scenario:
    """A folder with train.parquet, test.parquet and scenario.json, as README.md describes it."""

    folder: Path
    inputs: dict[str, str]
    targets: dict[str, str]
    epochs: int
    batch_size: int
    width: int
    seed: int
    threads: int
    answers: str

    @classmethod
    def of(cls, folder: Path) -> "Scenario":
        """The scenario of a folder."""
        said = json.loads((folder / "scenario.json").read_text())
        return cls(folder, **{key: said[key] for key in list(cls.__dataclass_fields__)[1:]})

    def inputs_of(self, kind: str) -> list[str]:
        """The input columns of one kind."""
        return [name for name, each in self.inputs.items() if each == kind]

    def targets_of(self, kind: str) -> list[str]:
        """The targets of one kind."""
        return [name for name, each in self.targets.items() if each == kind]

    def read(self, part: str) -> pd.DataFrame:
        """Rows as every peer takes them: numbers as float32, all else as Python strings or None."""
        wanted = [*self.inputs, *self.targets]
        table = pq.read_table(self.folder / f"{part}.parquet")
        kept = table.select([name for name in wanted if name in table.column_names])
        columns = {}
        for name in kept.column_names:
            kind = (self.inputs | self.targets)[name]
            number = kind in ("numeric", "regression")
            column = kept[name].cast(pa.float32() if number else pa.string())
            columns[name] = column.to_pandas() if number else column.to_numpy()
        return pd.DataFrame(columns)

    def labelled(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows that have every label: no peer can use the others."""
        return frame.dropna(subset=list(self.targets), ignore_index=True)

    def filled(self, frame: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
        """Empty cells filled, for peers that leave it to their user."""
        numeric = self.inputs_of("numeric")
        return frame.fillna(
            {
                **train[numeric].median().to_dict(),
                **dict.fromkeys(self.inputs_of("categorical"), "(empty)"),
                **dict.fromkeys(self.inputs_of("text"), ""),
            }
        )


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Args:
        predict: From rows to answers.
        parameters: How many numbers were trained.
        notes: What was different from what the scenario asks for.
        first_seconds: Time of the first target, where each target has a model of its own.
    """

    predict: Callable[[pd.DataFrame], Answers]
    parameters: int
    notes: str
    first_seconds: float | None = None


def parameters_of(network: torch.nn.Module) -> int:
    """How many numbers are trained."""
    return sum(each.numel() for each in network.parameters() if each.requires_grad)


def main(peer: str, package: str, fit: Callable[[Scenario], Fitted]) -> None:
    """Runs a peer on the folder that the command line names, and prints one line of JSON."""
    scenario = Scenario.of(Path(sys.argv[1]).resolve())
    torch.set_num_threads(scenario.threads)
    pa.set_cpu_count(scenario.threads)
    torch.manual_seed(scenario.seed)
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # the first one imports for seconds
    np.random.seed(scenario.seed)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            start = time.perf_counter()
            fitted = fit(scenario)
            trained = time.perf_counter()
            file = _write(scenario, peer, fitted.predict(scenario.read("test")))
            done = time.perf_counter()
    except UnsupportedError as error:
        print(f"{peer}: {error}", file=sys.stderr)
        sys.exit(UNSUPPORTED)
    first = fitted.first_seconds
    line = {
        "peer": peer,
        "version": version(package),
        "torch": torch.__version__,
        "fit_seconds": round(trained - start, 3),
        "predict_seconds": round(done - trained, 3),
        "parameters": fitted.parameters,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "answers": file,
        "notes": fitted.notes,
        **({} if first is None else {"fit_seconds_first": round(first, 3)}),
    }
    print(json.dumps(line), flush=True)


def _write(scenario: Scenario, peer: str, answers: Answers) -> str:
    """The answers as Parquet, under the scenario's name for them and under the peer's own.

    A class gets the type that it has in the training rows.
    """
    schema = pq.read_schema(scenario.folder / "train.parquet")
    columns = {}
    for name, kind in scenario.targets.items():
        column = pa.array(np.asarray(answers[name]).tolist())
        type_ = schema.field(name).type
        if kind == "multiclass":
            column = column.cast(type_.value_type if pa.types.is_dictionary(type_) else type_)
        columns[name] = column
    file = f"answers_{peer}.parquet"
    for name in (file, scenario.answers):
        pq.write_table(pa.table(columns), scenario.folder / name)
    return file
