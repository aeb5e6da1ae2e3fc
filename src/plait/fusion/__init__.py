"""Tokens of all inputs to one vector per row."""

from ._attention import Attention as Attention
from ._base import Fusion as Fusion
from ._concat import Concat as Concat
from ._mean import Mean as Mean
