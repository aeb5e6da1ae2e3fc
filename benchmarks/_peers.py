"""Other libraries on the same rows: each in an environment of its own, scored alike."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .scenarios import Job, Metrics

HERE = Path(__file__).parent


def installed(environments: Path) -> Iterator[tuple[str, Path, Path]]:
    """The name, the Python and the script of plait and of every peer that is installed.

    Args:
        environments: A folder with one environment for each peer, called like its script.
    """
    yield "plait", Path(sys.executable), HERE / "_plait_contestant.py"
    for script in sorted((HERE / "peers").glob("[a-z]*.py")):
        python = environments / script.stem / "bin" / "python"
        if python.exists():
            yield script.stem, python, script


def run(
    python: Path, script: Path, job: Job, environment: dict[str, str]
) -> tuple[dict[str, Any], str]:
    """What a contestant says of itself; why it says nothing, if it failed."""
    answers = job.folder / job.about["answers"]
    answers.unlink(missing_ok=True)
    words = [str(python), str(script), str(job.folder)]
    done = subprocess.run(
        words, cwd=job.folder, env=environment, capture_output=True, text=True, check=False
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {}, (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
    if not answers.exists():
        return {}, "it wrote no answers"
    return json.loads(lines[-1]), ""


def metrics(found: dict[str, Any], job: Job) -> Metrics:
    """Seconds, size, memory, and the scores of its answers."""
    units = {
        "fit_seconds": "s",
        "predict_seconds": "s",
        "parameters": "parameters",
        "peak_rss_mb": "MB",
    }
    told = {
        name: (float(found[name]), unit)
        for name, unit in units.items()
        if found.get(name) is not None
    }
    return {**told, **scores(job)}


def scores(job: Job) -> Metrics:
    """R2, area under the ROC curve or accuracy of each target, by scikit-learn."""
    import numpy as np
    import pyarrow.parquet as pq
    from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

    truth = pq.read_table(job.folder / "test.parquet")
    answers = pq.read_table(job.folder / job.about["answers"])
    found: Metrics = {}
    for name, kind in job.about["targets"].items():
        known = np.array([cell is not None for cell in truth[name].to_pylist()])
        right = np.array(truth[name].to_pylist(), object)[known]
        given = np.array(answers[name].to_pylist(), object)[known]
        if kind == "regression":
            score = r2_score(right.astype(float), given.astype(float))
            found[f"{name}_r2"] = (float(score), "R2")
        elif kind == "binary":
            positive = np.array([str(cell) == "1" for cell in right])
            score = roc_auc_score(positive, given.astype(float))
            found[f"{name}_roc_auc"] = (float(score), "ROC AUC")
        else:
            score = accuracy_score(right.astype(str), given.astype(str))
            found[f"{name}_accuracy"] = (float(score), "accuracy")
    return found
