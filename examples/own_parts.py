"""A fusion and a balancer of your own: two small modules, passed as objects."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

import plait
from plait.balancing import Balancer, Step
from plait.fusion import Fusion
from plait.training import outputs, task_losses


class Gate(Fusion):
    """A weighted mean of the inputs that are there; each row weighs them for itself."""

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        self.weigh = nn.Linear(width, 1)

    def forward(self, tokens: Mapping[str, plait.Masked]) -> Tensor:
        """One vector per row."""
        values = torch.cat([tokens[name].values for name in self.inputs], 1)
        mask = torch.cat([tokens[name].mask for name in self.inputs], 1)
        values = values.where(mask.unsqueeze(2), 0.0)  # no result may depend on what is absent
        weights = self.weigh(values).squeeze(2).sigmoid() * mask
        weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-9)
        return (weights.unsqueeze(2) * values).sum(1)


class Relative(Balancer):
    """Divide each loss by its first value: all tasks start with the same pull."""

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self.register_buffer("first", torch.zeros(len(self.tasks), dtype=torch.float64))

    def weights(self, step: Step) -> Tensor:
        """One over the first loss; what is remembered of absent tasks stays as it is."""
        first = self.first[step.index]
        self.first[step.index] = torch.where(first > 0, first, step.losses)
        return 1 / self.first[step.index]


torch.manual_seed(0)
shape, color = torch.randn(400, 20), torch.randn(400, 10)
table = {
    "shape": shape,
    "color": color,
    "price": 50 + 10 * shape[:, 0] + 10 * color[:, 0],
    "sold": shape[:, 1] + color[:, 1] > 0,
}
train = {name: cells[:300] for name, cells in table.items()}
new = {name: cells[300:] for name, cells in table.items()}

# 1. In a plain loop.
schema = plait.Schema.infer(train, targets=["price", "sold"]).fit(train)
model = plait.Model(schema, width=32, fusion=Gate(schema.inputs, 32))
balancer = Relative(tuple(schema.tasks))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
pack = schema.pack(train)
for _ in range(30):
    for rows in torch.randperm(len(pack)).split(50):
        batch = pack[rows]
        losses = task_losses(schema, model(batch.inputs), batch)
        optimizer.zero_grad()
        weights = balancer.backward(losses)
        optimizer.step()
print("weights", {name: round(float(weight), 2) for name, weight in weights.items()})
held = schema.pack(new)
raw = outputs(model, held)
for name, task in schema.tasks.items():
    print(name, {m: round(v, 3) for m, v in task.metrics(raw[name], held.targets[name]).items()})

# 2. In the learner: hand it the classes, and it makes them to measure.
learner = plait.Learner(
    ["price", "sold"], fusion=Gate, balancing=Relative, training=plait.Training(epochs=30)
).fit(train)
print(learner.evaluate(new))
