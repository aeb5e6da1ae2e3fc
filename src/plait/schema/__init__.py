"""What goes in and what is asked for: a value that can be written to a file."""

from ._guess import Guess as Guess
from ._schema import Schema as Schema
