"""The loop, and the plain functions that it is made of."""

from ._augment import augment as augment
from ._callback import Callback as Callback
from ._checkpoints import Checkpoints as Checkpoints
from ._history import (
    Epoch as Epoch,
    History as History,
    best_alone as best_alone,
    mean as mean,
)
from ._keep import keep as keep
from ._loader import Loader as Loader
from ._outputs import outputs as outputs
from ._pretrain import pretrain as pretrain
from ._pretraining import Pretraining as Pretraining
from ._progress import Progress as Progress
from ._scores import scores as scores
from ._settings import Training as Training
from ._step import task_losses as task_losses, train_step as train_step
from ._steps import steps as steps
from ._trainer import Trainer as Trainer
