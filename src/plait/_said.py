"""What a learner was told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """What a learner was told, in whatever form it was said.

    Args:
        targets: The targets.
        inputs: The inputs that are known better than a guess.
        fusion: How inputs are joined.
        sharing: What tasks share.
        balancing: How losses are balanced.
        modality_balancing: What losses of single inputs are used for; None for nothing.
        pretraining: What comes first and needs no label; None for nothing.
    """

    targets: Sequence[str] | Mapping[str, Any]
    inputs: Mapping[str, Any]
    fusion: Any
    sharing: Any
    balancing: Any
    modality_balancing: Any = None
    pretraining: Any = None
