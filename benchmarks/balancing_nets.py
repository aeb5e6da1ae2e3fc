"""Three nets with many heads, to measure what balancing costs."""

from itertools import pairwise

import torch
from torch import Tensor, nn


class Conv(nn.Sequential):
    """Four convolutions and a layer; pictures of 3 x 32 x 32, 1.08 million weights."""

    def __init__(self) -> None:
        widths, parts = [3, 32, 64, 128, 128], []
        for low, high in pairwise(widths):
            parts += [nn.Conv2d(low, high, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(*parts, nn.Flatten(), nn.Linear(512, 1600), nn.ReLU(),
                         nn.Linear(1600, 128))  # fmt: skip


class Transformer(nn.Module):
    """Two layers of 128; 32 tokens, 0.40 million weights."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(128, 4, 512, 0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        """The mean of the tokens."""
        return self.layers(x).mean(1)


def mlp() -> nn.Module:
    """128-512-512-256, 0.46 million weights."""
    return nn.Sequential(nn.Linear(128, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
                         nn.Linear(512, 256), nn.ReLU())  # fmt: skip


NETS = {
    "mlp": (mlp, (256, 128), 256),
    "cnn": (Conv, (32, 3, 32, 32), 128),
    "transformer": (Transformer, (16, 32, 128), 128),
}


class Many(nn.Module):
    """A trunk, and a head of two layers for each task.

    Args:
        name: Of the trunk.
        tasks: How many there are.
    """

    def __init__(self, name: str, tasks: int) -> None:
        super().__init__()
        made, self.shape, width = NETS[name]
        torch.manual_seed(0)
        self.trunk = made()
        self.heads = nn.ModuleList(
            [nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 1)) for _ in range(tasks)]
        )
        self.x = torch.randn(self.shape)
        self.y = torch.randn(tasks, self.shape[0], 1)
        self.parts = [part.sort().values for part in torch.randperm(self.shape[0]).chunk(tasks)]
        self.rows = torch.zeros(tasks, self.shape[0], dtype=torch.bool)
        for row, part in zip(self.rows, self.parts, strict=True):
            row[part] = True

    def losses(self) -> tuple[list[Tensor], Tensor]:
        """The losses of one batch, and the features that all heads begin with."""
        features = self.trunk(self.x)
        outputs = [head(features) for head in self.heads]
        return [(out - y).square().mean() for out, y in zip(outputs, self.y, strict=True)], features

    def split(self) -> list[Tensor]:
        """The same with one label in each row: each task's rows pass the trunk alone."""
        parts = self.x.chunk(len(self.heads))
        places = torch.arange(self.shape[0]).chunk(len(self.heads))
        return [
            (head(self.trunk(part)) - y[rows]).square().mean()
            for head, part, y, rows in zip(self.heads, parts, self.y, places, strict=True)
        ]

    def joint(self) -> list[Tensor]:
        """The losses of one batch of all rows, of which each, in no order, has one label."""
        features = self.trunk(self.x)
        return [
            (head(features[part]) - y[part]).square().mean()
            for head, part, y in zip(self.heads, self.parts, self.y, strict=True)
        ]
