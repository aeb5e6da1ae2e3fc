"""Targets: features to answers."""

from ._base import Task as Task
from ._binary import Binary as Binary
from ._multiclass import Multiclass as Multiclass
from ._multilabel import MultiLabel as MultiLabel
from ._ordinal import Ordinal as Ordinal
from ._regression import Regression as Regression
