"""Folders of picture encoders that cannot be used."""

import re

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from plait import ConfigError, Image, Table


@pytest.fixture
def fit(photo):
    def fitted(encoder: str) -> Image:
        return Image(columns=("x",), encoder=encoder).fit(Table.of({"x": [photo()]}))

    return fitted


@pytest.mark.parametrize(
    ("lost", "told"),
    [("config.json", "should hold 'config.json'. It does not. Save model and image processor"),
     ("preprocessor_config.json", "should hold 'preprocessor_config.json'"),
     ("model.safetensors", "should hold its weights as 'model.safetensors'")],
)  # fmt: skip
def test_a_folder_that_lacks_a_file_is_told(making_picture, tmp_path, fit, lost, told):
    encoder = making_picture(tmp_path)
    (tmp_path / lost).unlink()
    with pytest.raises(ConfigError, match=re.escape(told)):
        fit(encoder)


def test_a_name_without_network_is_told(monkeypatch, fit):
    def asked(*_, **__):
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", asked)
    with pytest.raises(ConfigError, match="Give the path of a folder, or fetch the model where"):
        fit("hf:someone/small")


def test_a_missing_package_is_told(picture_folder, monkeypatch, fit):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(ConfigError, match=re.escape("pip install 'plait[hf]'")):
        fit(picture_folder)


def test_weights_of_another_shape_are_told(making_picture, tmp_path, fit, edit):
    encoder = making_picture(tmp_path)
    edit(encoder, "config.json", intermediate_size=40)
    with pytest.raises(ConfigError, match="transformers library can build"):
        fit(encoder).build(8)


def test_weights_that_are_incomplete_are_told(making_picture, tmp_path, fit, edit):
    encoder = making_picture(tmp_path)
    edit(encoder, "config.json", num_hidden_layers=3)
    with pytest.raises(ConfigError, match=r"should be complete\. \d+ are not in its folder"):
        fit(encoder).build(8)


def test_weights_that_changed_since_the_fit_are_told(making_picture, tmp_path, fit):
    encoder = making_picture(tmp_path)
    part = fit(encoder)
    making_picture(tmp_path, seed=1)
    with pytest.raises(ConfigError, match="another SHA-256"):
        part.build(8)


def test_a_text_encoder_is_no_picture_encoder(making, tmp_path, fit):
    encoder = making(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ConfigError, match="should be a picture encoder of one of these families"):
        fit(encoder)


@pytest.mark.parametrize(
    "values",
    [{"size": {"height": 32, "width": 16}, "do_center_crop": False}, {"size": {}},
     {"size": 4, "do_center_crop": False}, {"size": {"shortest_edge": 20}}, {"resample": 9},
     {"image_mean": None}, {"image_std": [0.2, 0.0, 0.2]}, {"image_mean": [0.5]},
     {"rescale_factor": 0}, {"rescale_offset": True}, {"do_resize": False},
     {"image_mean": ["a", "b", "c"]}, {"size": 4096, "do_center_crop": False}],
    ids=str,
)  # fmt: skip
def test_an_image_processor_of_no_use_is_told(making_picture, tmp_path, fit, edit, values):
    encoder = making_picture(tmp_path)
    edit(encoder, "preprocessor_config.json", **values)
    with pytest.raises(ConfigError, match="should say the size of a picture"):
        fit(encoder)


def test_channels_other_than_three_are_told(making_picture, tmp_path, fit):
    with pytest.raises(ConfigError, match="Its config says 1"):
        fit(making_picture(tmp_path, num_channels=1))
