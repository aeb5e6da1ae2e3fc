"""Training on a cluster: Ray starts the processes, and does no more."""

import json
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from plait._artifact import CHECKPOINTS, check_free
from plait._config import Config
from plait._errors import (
    ArtifactError,
    ConfigError,
    DamagedError,
    DataError,
    NonFiniteError,
    PlaceError,
    SchemaError,
)
from plait._learner import Learner
from plait._load import load
from plait._order import choices, place_of

from ._ray import needed, running
from ._work import REFUSED, WAIT, work

KINDS: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        ArtifactError,
        ConfigError,
        DamagedError,
        DataError,
        NonFiniteError,
        PlaceError,
        SchemaError,
    )
}
"""What a process may have been refused with, which is raised here."""


def fit(
    learner: Learner | Config | Mapping[str, Any],
    data: Any,
    valid: Any = None,
    *,
    workers: int,
    storage: str | Path,
    root: str | Path | None = None,
    gpu: bool = False,
    restarts: int = 3,
    cpus: int = 1,
    own: Iterable[type] = (),
) -> Learner:
    """Train with several processes on a cluster of Ray, and load what they have saved.

    Use it where torchrun would have to be started on each machine by hand; on one machine
    ``Learner(devices=...)`` needs no Ray. The loop, its checkpoints and the model are those of
    :meth:`plait.Learner.fit`. When a process ends, Ray starts all of them again, and they go on
    from the last checkpoint. Called again after an end of all of them, it goes on likewise. A
    cluster that this process is connected to is used; else one is started on this machine for as
    long as it takes, without a dashboard, and without reports to the makers of Ray.

    Args:
        learner: One with all choices, or a configuration.
        data: The files of the table, which all machines reach under the same name.
        valid: Likewise of rows to choose the best weights by; left out, a share of ``data``.
        workers: How many processes train together.
        storage: The folder of the model, which all machines reach. While it is trained, its
            checkpoints are in it.
        root: The folder that paths of pictures start from; left out, that of the file.
        gpu: Whether each process gets a CUDA GPU.
        restarts: How often all are started again after one has ended.
        cpus: How many cores each process gets.
        own: Your own classes that the model is built of, as for :func:`plait.load`.

    Raises:
        ConfigError: If Ray is not installed, a choice does not fit or cannot be told to other
            processes, or the processes have failed more often than ``restarts``.
        DataError: If the table is no file, or cannot be used.
        NonFiniteError: If a loss is not finite, before the optimizer steps.
        PlaceError: If there is a model in ``storage``, or something else.
    """
    learner = learner if isinstance(learner, Learner) else Learner.from_config(learner)
    for name, number, least in (("workers", workers, 1), ("restarts", restarts, 0),
                                ("cpus", cpus, 1)):  # fmt: skip
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise ConfigError(f"`{name}` should be a number from {least} on. Got {number!r}.")
    told = choices(*learner._told)
    told["training"]["device"] = "cuda" if gpu else "cpu"
    home = Path(storage).expanduser().absolute()
    order = {
        "choices": told,
        "data": _files("data", data),
        "valid": None if valid is None else _files("valid", valid),
        "root": None if root is None else str(Path(root).absolute()),
        "storage": str(home),
        # What Ray writes down for itself lies beside the model, where all machines reach it.
        "notes": str(home.with_name(f".{home.name}.{secrets.token_hex(4)}.ray")),
    }
    check_free(home, overwrite=False)
    train, torch = needed("ray.train"), needed("ray.train.torch")
    try:
        with running():
            Path(order["notes"]).mkdir(parents=True)
            trainer = torch.TorchTrainer(
                work,
                train_loop_config=order,
                torch_config=torch.TorchConfig(timeout_s=WAIT),
                scaling_config=train.ScalingConfig(
                    num_workers=workers, use_gpu=gpu, resources_per_worker={"CPU": cpus}
                    | ({"GPU": 1} if gpu else {})
                ),
                run_config=train.RunConfig(
                    name="plait",
                    storage_path=order["notes"],
                    failure_config=train.FailureConfig(max_failures=restarts),
                ),
            )  # fmt: skip
            try:
                trainer.fit()
            except train.TrainingFailedError as error:
                _refuse(Path(order["notes"]) / REFUSED)
                raise _failed(order, restarts, error) from error
            _refuse(Path(order["notes"]) / REFUSED)
    finally:
        shutil.rmtree(order["notes"], ignore_errors=True)
    return load(home, own)


def _files(name: str, data: Any) -> list[str]:
    found = place_of(data)
    if found is None:
        raise DataError(
            f"`{name}` should be a file, or several, which all machines of the cluster reach. Got "
            f"an object of {type(data).__name__!r}. Write it to a Parquet file first."
        )
    return found


def _refuse(told: Path) -> None:
    if told.is_file():
        kind, text = json.loads(told.read_text(encoding="utf-8"))
        raise KINDS.get(kind, ConfigError)(text)


def _failed(order: Mapping[str, Any], restarts: int, error: Exception) -> ConfigError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = (Path(order["storage"]) / CHECKPOINTS).is_dir()
    then = "Call again to go on from the last checkpoint." if kept else "There is no checkpoint."
    return ConfigError(
        f"The training on the cluster has failed {restarts + 1} times: {' '.join(lines)[-1500:]} "
        f"{then}"
    )
