"""PyTorch Frame: .peers/frame/bin/python benchmarks/peers/frame.py FOLDER.

Frame has networks and no trainer: the encoders, the ResNet and the data loader are its own, the
loop is the one of its examples with one loss per target.
"""

import numpy as np
import pandas as pd
import torch
from _common.protocol import Answers, Fitted, Scenario, UnsupportedError, main, parameters_of
from _common.targets import Targets
from sklearn.feature_extraction.text import HashingVectorizer
from torch import Tensor
from torch_frame import NAStrategy, TensorFrame, stype
from torch_frame.config import TextEmbedderConfig
from torch_frame.data import DataLoader, Dataset
from torch_frame.nn import EmbeddingEncoder, LinearEmbeddingEncoder, LinearEncoder, ResNet

STYPES = {
    "numeric": stype.numerical,
    "categorical": stype.categorical,
    "text": stype.text_embedded,
}
BUCKETS = 512
NOTES = (
    "Frame's encoders, ResNet and loader, our loop and losses (it has no trainer and takes one "
    "target); NAStrategy mean and most_frequent; regression standardized by us; rows without a "
    "label dropped; Adam 1e-3; no validation rows"
)
TEXT = f"; text is a bag of words in {BUCKETS} hashed buckets, ours: Frame brings no text network"


def embed(texts: list[str | None]) -> Tensor:
    """Texts as rows of hashed word counts of length 1."""
    whole = ["" if each is None else each for each in texts]
    rows = HashingVectorizer(n_features=BUCKETS).transform(whole)
    return torch.from_numpy(rows.toarray().astype(np.float32))


def resnet(scenario: Scenario, data: Dataset, outputs: int) -> ResNet:
    """A ResNet of half the width, as its first block takes the vectors of all columns."""
    return ResNet(
        channels=scenario.width // 2,
        out_channels=outputs,
        num_layers=2,
        col_stats=data.col_stats,
        col_names_dict=data.tensor_frame.col_names_dict,
        stype_encoder_dict={
            stype.numerical: LinearEncoder(na_strategy=NAStrategy.MEAN),
            stype.categorical: EmbeddingEncoder(na_strategy=NAStrategy.MOST_FREQUENT),
            stype.embedding: LinearEmbeddingEncoder(),
        },
    )


class Numbered(DataLoader):
    """Frame's loader, which also gives the rows' numbers, by which several labels are found."""

    def collate_fn(self, index: list[int]) -> tuple[TensorFrame, list[int]]:
        """A batch and the numbers of its rows."""
        return super().collate_fn(index), index


def train(scenario: Scenario, network: ResNet, rows: TensorFrame, targets: Targets,
          labels: Tensor) -> None:  # fmt: skip
    """The loop of Frame's examples."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    network.train()
    for _ in range(scenario.epochs):
        for batch, index in Numbered(rows, batch_size=scenario.batch_size, shuffle=True):
            loss = targets.loss(network(batch), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def fit(scenario: Scenario) -> Fitted:
    """Trains one network on all targets."""
    if scenario.inputs_of("image"):
        raise UnsupportedError("PyTorch Frame has no image network of its own to train")
    everything = scenario.read("train")
    frame = scenario.labelled(everything)
    targets = Targets(scenario, frame)
    data = Dataset(
        frame[list(scenario.inputs)],
        col_to_stype={name: STYPES[kind] for name, kind in scenario.inputs.items()},
        col_to_text_embedder_cfg=TextEmbedderConfig(embed, batch_size=4096),
    ).materialize()
    network = resnet(scenario, data, targets.size)
    labels = torch.from_numpy(targets.encode(frame))
    train(scenario, network, data.tensor_frame, targets, labels)

    def predict(rows: pd.DataFrame) -> Answers:
        loader = DataLoader(data.convert_to_tensor_frame(rows), batch_size=scenario.batch_size)
        network.eval()
        with torch.inference_mode():
            return targets.decode(torch.cat([network(batch) for batch in loader]).numpy())

    notes = NOTES + (TEXT if scenario.inputs_of("text") else "")
    dropped = len(everything) - len(frame)
    return Fitted(predict, parameters_of(network), f"{notes}; {dropped} rows dropped")


if __name__ == "__main__":
    main("frame", "pytorch-frame", fit)
