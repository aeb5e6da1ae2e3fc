"""The whole public face, literally: a change of it is a visible change here."""

import ast
import importlib
from pathlib import Path

import pytest

import plait

ROOF = """
Account ArtifactError Audio Bag Batch Binary Categorical Config ConfigError DamagedError DataError
Datetime Geo Image Inspection Learner Masked Model MultiLabel Multiclass NonFiniteError
NotFittedError Numeric Ordinal PlaceError PlaitWarning Query Regression Schema SchemaError Series
Stopped Table Tags Text Trainer Training UserError Vector Video balancing clusters data fusion
inspect inspection load modalities modality_balancing pretraining sharing tasks train_step training
"""
WINGS = {
    "balancing": "AlignedMTL Auto Balancer CAGrad ConFIG DBMTL DWA Diagnosis DualProj Every FAMO "
    "FairGrad Findings Freeze Geometric GradDrop GradNorm GradVac GradientBalancer IMTLG "
    "IMTLL Log LossBalancer MGDA NashMTL Normalize PCGrad Prefer RandomLoss Report Smooth "
    "SmoothTchebycheff Static Step Sum UPGrad Uncertainty UncertaintySoftmax Wrapper "
    "backward diagnose",
    "clusters": "Answered fit predict",
    "data": "Bagged Batch Kept Masked Note Pack PackWriter Packed Query Ragged Repeated Source "
    "Table joined memory_limit merged nested noise stored_pack",
    "fusion": "Attention Bottleneck Concat CrossAttention EarlyTransformer EmbraceNet Experts FiLM "
    "Fusion GMU Late LateMean LowRank MFB Max Mean Perceiver ProductOfExperts ScalarAttention Sum "
    "TensorFusion",
    "inspection": "Finding Inspection inspect",
    "modalities": "Audio Bag Categorical Datetime Geo Image Modality Numeric Series Staged Tags "
    "Text Vector Video",
    "modality_balancing": "Auxiliary GradientBlending MMPareto ModalityBalancer OGMGE ViewLosses",
    "pretraining": "Contrast InfoNCE Matching SigLIP fingerprints",
    "schema": "Guess Schema",
    "sharing": "Bottom CGC CrossStitch DSelectK FiLMAdapters LoRAAdapters MMoE PLE Sharing "
    "TaskQueries",
    "tasks": "Binary MultiLabel Multiclass Ordinal Regression Task",
    "training": "Callback Checkpoints Epoch History Loader Pretraining Progress Trainer Training "
    "augment best_alone keep mean outputs pretrain scores steps task_losses train_step",
}


def shown(module: object) -> list[str]:
    kinds = (type(importlib),)
    return sorted(
        name
        for name, item in vars(module).items()
        if not name.startswith("_") and not isinstance(item, kinds)
    )


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_shows_these_names(wing):
    assert shown(importlib.import_module(f"plait.{wing}")) == sorted(WINGS[wing].split())


def test_the_roof_shows_these_names():
    offered = {*plait._ROOMS, *plait._HOME}
    assert sorted(offered) == sorted(ROOF.split())


def test_every_name_of_the_roof_is_there():
    for name in ROOF.split():
        assert getattr(plait, name) is not None
    assert set(ROOF.split()) <= set(dir(plait))
    assert plait.__version__ == "0.1.0"


def test_the_roof_says_the_same_to_a_type_checker():
    tree = ast.parse(Path(plait.__file__).read_text(encoding="utf-8"))
    (block,) = [
        n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"
    ]
    told = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        assert all(alias.asname == alias.name for alias in node.names)
        told |= {alias.name: node.module for alias in node.names}
    lazy = {**dict.fromkeys(plait._ROOMS, None), **plait._HOME}
    assert told == lazy


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'plait' has no attribute 'Lerner'"):
        plait.Lerner  # noqa: B018
