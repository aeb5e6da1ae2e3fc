"""plait weaves columns of any kind into one PyTorch model that answers many questions at once.

Nothing heavy is imported until a name is used: ``import plait`` costs next to nothing, and
``plait --help`` needs no PyTorch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        balancing as balancing,
        clusters as clusters,
        data as data,
        fusion as fusion,
        inspection as inspection,
        modalities as modalities,
        modality_balancing as modality_balancing,
        pretraining as pretraining,
        sharing as sharing,
        tasks as tasks,
        training as training,
    )
    from ._account import Account as Account
    from ._config import Config as Config
    from ._errors import (
        ArtifactError as ArtifactError,
        ConfigError as ConfigError,
        DamagedError as DamagedError,
        DataError as DataError,
        NonFiniteError as NonFiniteError,
        NotFittedError as NotFittedError,
        PlaceError as PlaceError,
        PlaitWarning as PlaitWarning,
        SchemaError as SchemaError,
        Stopped as Stopped,
        UserError as UserError,
    )
    from ._learner import Learner as Learner
    from ._load import load as load
    from ._model import Model as Model
    from .data import Batch as Batch, Masked as Masked, Query as Query, Table as Table
    from .inspection import Inspection as Inspection, inspect as inspect
    from .modalities import (
        Audio as Audio,
        Bag as Bag,
        Categorical as Categorical,
        Datetime as Datetime,
        Geo as Geo,
        Image as Image,
        Numeric as Numeric,
        Series as Series,
        Tags as Tags,
        Text as Text,
        Vector as Vector,
        Video as Video,
    )
    from .schema import Schema as Schema
    from .tasks import (
        Binary as Binary,
        Multiclass as Multiclass,
        MultiLabel as MultiLabel,
        Ordinal as Ordinal,
        Regression as Regression,
    )
    from .training import Trainer as Trainer, Training as Training, train_step as train_step

__version__ = "0.1.0"

_ROOMS = (
    "balancing",
    "clusters",
    "data",
    "fusion",
    "inspection",
    "modalities",
    "modality_balancing",
    "pretraining",
    "sharing",
    "tasks",
    "training",
)
_NAMES = {
    "_account": ("Account",),
    "_config": ("Config",),
    "_errors": (
        "ArtifactError",
        "ConfigError",
        "DamagedError",
        "DataError",
        "NonFiniteError",
        "NotFittedError",
        "PlaceError",
        "PlaitWarning",
        "SchemaError",
        "Stopped",
        "UserError",
    ),
    "_learner": ("Learner",),
    "_load": ("load",),
    "_model": ("Model",),
    "data": ("Batch", "Masked", "Query", "Table"),
    "inspection": ("Inspection", "inspect"),
    "modalities": (
        "Audio",
        "Bag",
        "Categorical",
        "Datetime",
        "Geo",
        "Image",
        "Numeric",
        "Series",
        "Tags",
        "Text",
        "Vector",
        "Video",
    ),
    "schema": ("Schema",),
    "tasks": ("Binary", "Multiclass", "MultiLabel", "Ordinal", "Regression"),
    "training": ("Trainer", "Training", "train_step"),
}
_HOME = {name: room for room, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module 'plait' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_HOME})
