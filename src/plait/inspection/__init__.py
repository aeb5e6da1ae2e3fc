"""What is wrong with a table before anything is trained on it, and what moved between two."""

from ._finding import Finding as Finding
from ._inspect import inspect as inspect
from ._inspection import Inspection as Inspection
