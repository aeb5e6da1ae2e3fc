"""One vector per row to one vector per row and task."""

from ._base import Sharing as Sharing
from ._bottom import Bottom as Bottom
