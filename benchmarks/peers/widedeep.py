"""pytorch-widedeep: .peers/widedeep/bin/python benchmarks/peers/widedeep.py FOLDER.

One model for all targets: TabMlp (its default network), BasicRNN for each text, Vision's own small
CNN for each image, their vectors side by side through one linear layer.
"""

import _common.cuda_wheels  # noqa: F401  before anything imports torchvision
import numpy as np
import pandas as pd
import torch
from _common.protocol import Answers, Fitted, Scenario, UnsupportedError, main, parameters_of
from _common.targets import Targets
from pytorch_widedeep import Trainer
from pytorch_widedeep.losses_multitarget import (
    MultiTargetRegressionLoss,
    MutilTargetRegressionAndClassificationLoss,
)
from pytorch_widedeep.models import BasicRNN, TabMlp, Vision, WideDeep
from pytorch_widedeep.preprocessing import ImagePreprocessor, TabPreprocessor, TextPreprocessor

SIDE = 32  # pixels
NOTES = (
    "one model, losses_multitarget; regression standardized by us; empty numbers filled with the "
    "median, categories with one of their own, texts with ''; rows without a label dropped; "
    "Adam 1e-3; no validation rows; text is one LSTM layer over its default 80 tokens, images 32 px"
)


class Inputs:
    """The preprocessors of all inputs, fitted on the training rows."""

    def __init__(self, scenario: Scenario, train: pd.DataFrame) -> None:
        self.scenario, self.train = scenario, train
        numeric, categorical = scenario.inputs_of("numeric"), scenario.inputs_of("categorical")
        self.tab = None
        if numeric or categorical:
            self.tab = TabPreprocessor(
                cat_embed_cols=categorical or None,
                continuous_cols=numeric or None,
                cols_to_scale="all" if numeric else None,
                verbose=0,
            )
        self.texts = [
            TextPreprocessor(name, n_cpus=scenario.threads, verbose=0)
            for name in scenario.inputs_of("text")
        ]
        self.images = [
            ImagePreprocessor(name, str(scenario.folder), width=SIDE, height=SIDE, verbose=0)
            for name in scenario.inputs_of("image")
        ]

    def arrays(self, frame: pd.DataFrame, fit: bool = False) -> dict:
        """What the trainer takes; one text or image is no list."""
        whole = self.scenario.filled(frame, self.train)
        call = "fit_transform" if fit else "transform"
        given = {
            "X_tab": [getattr(self.tab, call)(whole)] if self.tab else [],
            "X_text": [getattr(each, call)(whole) for each in self.texts],
            "X_img": [getattr(each, call)(whole) for each in self.images],
        }
        return {key: x if len(x) > 1 else x[0] for key, x in given.items() if x}

    def network(self, outputs: int) -> WideDeep:
        """A network of about the width that the scenario asks for."""
        width = self.scenario.width
        tab = None
        if self.tab is not None:
            tab = TabMlp(
                self.tab.column_idx,
                cat_embed_input=getattr(self.tab, "cat_embed_input", None),
                continuous_cols=self.tab.continuous_cols,
                mlp_hidden_dims=[4 * width, 4 * width],
            )
        texts = [
            BasicRNN(len(each.vocab.itos), embed_dim=width, hidden_dim=width, n_layers=1)
            for each in self.texts
        ]
        images = [
            Vision(channel_sizes=[width // 2, width, 2 * width], kernel_sizes=3, strides=1)
            for _ in self.images
        ]
        return WideDeep(
            deeptabular=tab,
            deeptext=texts if len(texts) > 1 else texts[0] if texts else None,
            deepimage=images if len(images) > 1 else images[0] if images else None,
            head_hidden_dims=[2 * width],
            pred_dim=outputs,
        )


def loss(targets: Targets) -> torch.nn.Module:
    """The library's loss for several targets."""
    of = {
        kind: [name for name, each in targets.kinds.items() if each == kind]
        for kind in ("regression", "binary", "multiclass")
    }
    if not of["binary"] and not of["multiclass"]:
        return MultiTargetRegressionLoss()
    return MutilTargetRegressionAndClassificationLoss(
        regression_config=[targets.starts[name] for name in of["regression"]],
        binary_config=[targets.starts[name] for name in of["binary"]] or None,
        multiclass_config=[
            (targets.starts[name], len(targets.classes[name])) for name in of["multiclass"]
        ]
        or None,
    )


def fit(scenario: Scenario) -> Fitted:
    """Trains one network on all targets."""
    frame = scenario.read("train")
    train = scenario.labelled(frame)
    if train[scenario.inputs_of("image")].isna().any(axis=None):
        raise UnsupportedError("ImagePreprocessor cannot read a picture that is not there")
    inputs, targets = Inputs(scenario, train), Targets(scenario, train)
    arrays = inputs.arrays(train, fit=True)
    network = inputs.network(targets.size)
    trainer = Trainer(
        network,
        objective="multitarget",
        custom_loss_function=loss(targets),
        optimizers=torch.optim.Adam(network.parameters(), lr=1e-3),
        num_workers=0,
        seed=scenario.seed,
        device="cpu",
        verbose=0,
    )
    trainer.fit(
        **arrays,
        target=targets.encode(train),
        n_epochs=scenario.epochs,
        batch_size=scenario.batch_size,
    )

    def predict(rows: pd.DataFrame) -> Answers:
        outputs = trainer.predict_proba(**inputs.arrays(rows), batch_size=scenario.batch_size)
        return targets.decode(np.asarray(outputs, np.float32))

    dropped = len(frame) - len(train)
    return Fitted(predict, parameters_of(network), f"{NOTES}; {dropped} rows dropped")


if __name__ == "__main__":
    main("widedeep", "pytorch-widedeep", fit)
