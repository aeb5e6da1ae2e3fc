"""Weights that were trained before."""

from torch import nn


class Pretrained(nn.Module):
    """A module whose weights were trained before, and would be lost if they moved too fast.

    Args:
        pace: The share of the learning rate that its trained weights take.
    """

    def __init__(self, pace: float) -> None:
        super().__init__()
        self.pace = pace
