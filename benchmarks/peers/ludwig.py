"""Ludwig: .peers/ludwig/bin/python benchmarks/peers/ludwig.py FOLDER.

One ECD model for all targets: numbers as they are, categories embedded, texts by parallel_cnn and
images by stacked_cnn (its defaults), joined by the concat combiner.
"""

import logging
import tempfile

import _common.cuda_wheels  # noqa: F401  before anything imports torchvision
import numpy as np
import pandas as pd
from _common.protocol import Answers, Fitted, Scenario, main, parameters_of
from ludwig.api import LudwigModel

SIDE = 32
NOTES = (
    "one model; Ludwig's own filling of empty cells (numbers the mean, categories a token of their "
    "own, texts empty, a picture the next row's); zscore for numbers; rows without a label "
    "dropped; Adam 1e-3; no validation rows, checkpoints and logs off"
)
OUTPUTS = {"regression": "number", "binary": "binary", "multiclass": "category"}


def inputs(scenario: Scenario) -> list[dict]:
    """The input features."""
    width = scenario.width
    as_feature = {
        "numeric": {
            "type": "number",
            "preprocessing": {
                "normalization": "zscore",
                "missing_value_strategy": "fill_with_mean",
            },
        },
        "categorical": {"type": "category", "encoder": {"type": "dense", "embedding_size": 16}},
        "text": {
            "type": "text",
            "encoder": {
                "type": "parallel_cnn",
                "embedding_size": width,
                "num_filters": width,
                "output_size": width,
            },
        },
        "image": {
            "type": "image",
            "preprocessing": {"height": SIDE, "width": SIDE, "num_channels": 3},
            "encoder": {"type": "stacked_cnn", "output_size": width},
        },
    }
    return [{"name": name, **as_feature[kind]} for name, kind in scenario.inputs.items()]


def outputs(scenario: Scenario) -> list[dict]:
    """The output features."""
    features = []
    for name, kind in scenario.targets.items():
        feature: dict = {"name": name, "type": OUTPUTS[kind]}
        if kind == "regression":
            feature["preprocessing"] = {"normalization": "zscore"}
        features.append(feature)
    return features


def config(scenario: Scenario) -> dict:
    """The configuration of the run."""
    return {
        "input_features": inputs(scenario),
        "output_features": outputs(scenario),
        "combiner": {"type": "concat", "num_fc_layers": 2, "output_size": 4 * scenario.width},
        "trainer": {
            "epochs": scenario.epochs,
            "batch_size": scenario.batch_size,
            "learning_rate": 1e-3,
            "optimizer": {"type": "adam"},
            "early_stop": -1,
        },
    }


def absolute(scenario: Scenario, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with whole paths to pictures: a table's files are sought in the current folder."""
    place = f"{scenario.folder}/"
    return frame.assign(**{name: place + frame[name] for name in scenario.inputs_of("image")})


def fit(scenario: Scenario) -> Fitted:
    """Trains one model on all targets."""
    frame = scenario.read("train")
    train = scenario.labelled(frame)
    model = LudwigModel(config(scenario), logging_level=logging.ERROR, backend="local")
    with tempfile.TemporaryDirectory() as folder:
        model.train(
            training_set=absolute(scenario, train),
            random_seed=scenario.seed,
            output_directory=folder,
            skip_save_training_description=True,
            skip_save_training_statistics=True,
            skip_save_model=True,
            skip_save_progress=True,
            skip_save_log=True,
            skip_save_processed_input=True,
        )

    def predict(rows: pd.DataFrame) -> Answers:
        given = absolute(scenario, rows)[list(scenario.inputs)]
        said, _ = model.predict(given, batch_size=scenario.batch_size)
        answers = {}
        for name, kind in scenario.targets.items():
            column = f"{name}_probabilities_True" if kind == "binary" else f"{name}_predictions"
            answers[name] = np.asarray(said[column])
        return answers

    dropped = len(frame) - len(train)
    return Fitted(predict, parameters_of(model.model), f"{NOTES}; {dropped} rows dropped")


if __name__ == "__main__":
    main("ludwig", "ludwig", fit)
