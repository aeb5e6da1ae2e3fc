"""AutoGluon-MultiModal: .peers/autogluon/bin/python benchmarks/peers/autogluon.py FOLDER.

One predictor for each target, as it takes one label: categorical_mlp and numerical_mlp joined by
fusion_mlp. Its text and image networks come from a hub; a folder with a text model in
AUTOGLUON_TEXT makes it take text columns as well.
"""

import logging
import os
import tempfile
import time
import warnings

import _common.cuda_wheels  # noqa: F401  before anything imports torchvision
import numpy as np
import pandas as pd
from _common.protocol import Answers, Fitted, Scenario, UnsupportedError, main, parameters_of
from autogluon.multimodal import MultiModalPredictor

NOTES = (
    "one model per target, times and parameters added up; AutoGluon's own filling of empty cells; "
    "it holds rows back, checks on them and averages its best checkpoints; rows without that label "
    "dropped; AdamW 1e-3 and its cosine; categories as rare as in one row kept"
)
TEXT = "; text by the model in AUTOGLUON_TEXT, fine-tuned"
KINDS = {"numeric": "numerical", "categorical": "categorical", "text": "text"}
PROBLEMS = {"regression": "regression", "binary": "binary", "multiclass": "multiclass"}


def choices(scenario: Scenario) -> dict:
    """AutoGluon's hyperparameters."""
    width, text = scenario.width, os.environ.get("AUTOGLUON_TEXT")
    if scenario.inputs_of("image"):
        raise UnsupportedError("its image networks are pretrained ones from a hub")
    if scenario.inputs_of("text") and not text:
        raise UnsupportedError("its text networks come from a hub; AUTOGLUON_TEXT names no folder")
    names = [
        name
        for name, kind in (
            ("categorical_mlp", "categorical"),
            ("numerical_mlp", "numeric"),
            ("hf_text", "text"),
        )
        if scenario.inputs_of(kind)
    ]
    wide = {
        "model.categorical_mlp.hidden_size": width // 4,
        "model.numerical_mlp.hidden_size": 2 * width,
        "model.hf_text.checkpoint_name": text,
        "model.hf_text.pooling_mode": "mean",
        "model.fusion_mlp.hidden_sizes": [2 * width],
    }
    chosen = [*names, "fusion_mlp"] if len(names) > 1 else names
    return {
        "model.names": chosen,
        **{key: value for key, value in wide.items() if key.split(".")[1] in chosen},
        "data.categorical.minimum_cat_count": 1,
        "data.categorical.maximum_num_cat": 10_000,
        "optim.max_epochs": scenario.epochs,
        "optim.lr": 1e-3,
        "env.batch_size": scenario.batch_size,
        "env.per_gpu_batch_size": scenario.batch_size,
        "env.num_gpus": 0,
        "env.num_workers": 0,
        "env.num_workers_inference": 0,
        "env.precision": "32",
        "env.strategy": "auto",
    }


def fit_one(
    scenario: Scenario, frame: pd.DataFrame, target: str, chosen: dict
) -> MultiModalPredictor:
    """Trains the model of one target."""
    predictor = MultiModalPredictor(
        label=target,
        problem_type=PROBLEMS[scenario.targets[target]],
        path=tempfile.mkdtemp(),
        verbosity=0,
    )
    return predictor.fit(
        frame[[*scenario.inputs, target]].dropna(subset=[target], ignore_index=True),
        column_types={name: KINDS[kind] for name, kind in scenario.inputs.items()},
        hyperparameters=chosen,
        seed=scenario.seed,
        standalone=False,
    )


def fit(scenario: Scenario) -> Fitted:
    """Trains one model after the other; the rows are read once."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    chosen = choices(scenario)
    start = time.perf_counter()
    frame = scenario.read("train")
    predictors, first = {}, None
    for target in scenario.targets:
        predictors[target] = fit_one(scenario, frame, target, chosen)
        first = first or time.perf_counter() - start

    def predict(rows: pd.DataFrame) -> Answers:
        given, answers = rows[list(scenario.inputs)], {}
        for target, predictor in predictors.items():
            if scenario.targets[target] == "binary":
                answers[target] = np.asarray(predictor.predict_proba(given, as_pandas=True)["1"])
            else:
                answers[target] = np.asarray(predictor.predict(given, as_pandas=False))
        return answers

    size = sum(parameters_of(each._learner._model) for each in predictors.values())
    notes = NOTES + (TEXT if scenario.inputs_of("text") else "")
    return Fitted(predict, size, notes, first)


if __name__ == "__main__":
    main("autogluon", "autogluon.multimodal", fit)
