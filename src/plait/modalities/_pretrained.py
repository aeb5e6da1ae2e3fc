"""Weights that were trained before."""

from torch import nn


class Pretrained(nn.Module):
    """A module whose weights were trained before, and would be lost if they moved too fast.

    Lower blocks hold what is true of all texts or pictures and have least to learn, so each may
    take a smaller step than the one above it. The blocks are the list of modules that holds most
    of the weights; what was registered before it lies below the lowest block, what comes after it
    moves with the highest one.

    Args:
        pace: The share of the learning rate that its trained weights take; those of the highest
            block, where ``decay`` is less than 1.
        decay: The share of that rate which a block takes of the one above it.

    Source:
        Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018,
        arXiv 1801.06146, section 3.2 (a rate for each layer, 1/2.6 of the one above); Sun et al.,
        "How to Fine-Tune BERT for Text Classification?", 2019, arXiv 1905.05583, section 5.3.4
        (0.95 is best for BERT). A difference: the rates also follow one schedule, and
        no layer is frozen at first.
    """

    def __init__(self, pace: float, decay: float = 1.0) -> None:
        super().__init__()
        self.pace = pace
        self.decay = decay

    def paces(self) -> dict[int, float]:
        """The share of the learning rate for each weight, by its ``id``."""
        found = dict.fromkeys(map(id, self.parameters()), self.pace)
        lists = [each for each in self.modules() if isinstance(each, nn.ModuleList | nn.Sequential)]
        blocks = max(lists, key=_size, default=None)
        if self.decay == 1 or blocks is None or not _size(blocks):
            return found
        steps: dict[int, int] = {}
        for height, block in enumerate(reversed(blocks)):
            for parameter in block.parameters():
                steps.setdefault(id(parameter), height)
        below = len(blocks)
        for key in found:  # in the order of registration
            if key in steps:
                below = 0
            found[key] *= self.decay ** steps.get(key, below)
        return found


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
