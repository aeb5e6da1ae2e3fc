"""Two tasks on one input, in a plain PyTorch loop over plait's parts."""

import torch

import plait
from plait.balancing import Sum
from plait.training import task_losses

torch.manual_seed(0)
x = torch.randn(100, 10)
table = {
    "x": x,
    "place": x @ torch.randn(10, 5),  # a vector: mean squared error
    "mood": torch.randn(100, 3),  # meant as soft labels, but these are no probabilities
}
declared = plait.Schema(
    inputs={"x": plait.Vector()},
    tasks={"place": plait.Regression(), "mood": plait.Multiclass()},
)
try:
    declared.fit(table)
except ValueError as error:
    print("Refused.", error)

table["mood"] = (x @ torch.randn(10, 3)).softmax(1)  # proper ones: each row adds up to 1
schema = declared.fit(table)
batch = schema.pack(table)[torch.arange(100)]
model = plait.Model(schema, width=32)
balancer = Sum(["place", "mood"])  # adds the two losses
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
totals = []
for _ in range(100):
    losses = task_losses(schema, model(batch.inputs), batch)
    optimizer.zero_grad()
    balancer.backward(losses)
    optimizer.step()
    totals.append(sum(loss.item() for loss in losses.values()))
print(f"Loss in the first epoch {totals[0]:.3f}, in the last {totals[-1]:.3f}.")
