"""Two inputs, one task: encode each, put them side by side, fuse, answer."""

import torch

import plait
from plait.balancing import Sum
from plait.fusion import Concat

torch.manual_seed(0)
image, text = torch.randn(10, 1000), torch.randn(10, 1000)  # what a class looks like and reads like


def draw(rows: int) -> dict[str, torch.Tensor]:
    label = torch.randint(10, (rows,))
    noise = torch.randn(2, rows, 1000)
    return {"image": image[label] + 6 * noise[0], "text": text[label] + 6 * noise[1], "y": label}


train, new = draw(100), draw(100)
schema = plait.Schema(
    inputs={"image": plait.Vector(), "text": plait.Vector()}, tasks={"y": plait.Multiclass()}
).fit(train)
model = plait.Model(schema, width=256, fusion=Concat(schema.inputs, width=256))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
balancer, everything = Sum(["y"]), torch.arange(100)
pack = schema.pack(train)
for epoch in range(100):
    losses, _ = plait.train_step(schema, model, pack[everything], balancer, optimizer)
    if epoch % 25 == 0:
        print(f"epoch {epoch:3}  loss {losses['y']:.3f}")

for name, rows in ("training", train), ("new", new):
    outputs = plait.training.outputs(model, schema.pack(rows))
    answers = torch.tensor(schema.decode(outputs)["y"].to_pylist())
    print(f"Accuracy on {name} rows: {(answers == rows['y']).float().mean():.2f}")
