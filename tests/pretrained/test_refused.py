"""Folders that cannot be used, and what is asked of a hub."""

import json
import re
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
from huggingface_hub import utils
from huggingface_hub.errors import LocalEntryNotFoundError
from transformers.utils import logging

import plait
from plait import ArtifactError, ConfigError, Learner, Table, Text, Training
from plait.modalities import _without_weights
from plait.modalities._hf_folder import HfFolder
from plait.modalities._quiet import quiet


def fit(encoder: str, **options) -> Text:
    return Text(columns=("x",), encoder=encoder, **options).fit(Table.of({"x": ["a red bag"]}))


@pytest.mark.parametrize(
    ("part", "told"),
    [("adapter_config.json", "`merge_and_unload()`"),
     ("shard-00000-model-00001-of-00001.safetensors", "It holds others: 'shard-00000")],
)  # fmt: skip
def test_what_the_library_would_read_unasked_is_refused(making, tmp_path, part, told):
    encoder = making(tmp_path / "net")
    made = fit(encoder)
    (tmp_path / "net" / part).write_text("{}")
    with pytest.raises(ConfigError, match=re.escape(told)):
        fit(encoder)
    with pytest.raises(ConfigError, match=re.escape(told)):
        made.build(8)


def test_half_a_file_of_weights_is_told(making, tmp_path):
    encoder = making(tmp_path / "net")
    path = tmp_path / "net" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ConfigError, match=r"can build. It says: .*Take another copy"):
        fit(encoder).build(8)


def test_weights_that_are_no_numbers_are_named_before_a_row_is_blamed(making, tmp_path):
    encoder = making(tmp_path / "net")
    path = tmp_path / "net" / "model.safetensors"
    state = safetensors.torch.load_file(path)
    name = next(name for name in state if "layer.1" in name and name.endswith("query.bias"))
    state[name][3] = float("nan")
    safetensors.torch.save_file(state, path, {"format": "pt"})
    with pytest.raises(ConfigError, match=r"1 of \d+ hold NaN or infinity: '.*1.*query\.bias'"):
        fit(encoder).build(8)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"hidden_size": "x"}, "can build. It says"),
        ({"pad_token_id": "x"}, "can build. It says"),
        ({"num_labels": "x"}, "can build. It says"),
        ({"pad_token_id": 14}, "can build. It says"),
        ({"pad_token_id": -1}, "from 0 to 13. Found -1"),
    ],
    ids=str,
)
def test_a_wrong_value_in_the_config_is_told(making, tmp_path, edit, values, told):
    encoder = making(tmp_path / "net")
    edit(encoder, "config.json", **values)
    with pytest.raises(ConfigError, match=re.escape(told)):
        fit(encoder)


@pytest.mark.parametrize("plain", ["{", "[]", '{"model_type": "bert", "hidden_size": "x"}'])
def test_a_wrong_config_in_a_schema_is_told(folder, plain):
    part = fit(folder)
    part = replace(part, fitted=replace(part.fitted, config=plain))
    with _without_weights.without_weights(), pytest.raises(ConfigError, match="It says"):
        part.build(8)


def test_a_saved_model_with_a_wrong_config_is_told(folder, tmp_path):
    table = {"note": ["a red bag", "the blue shoe"] * 10, "sold": [True, False] * 10}
    made = Learner(["sold"], {"note": {"type": "Text", "encoder": folder}}, width=8,
                   training=Training(epochs=1, device="cpu")).fit(table)  # fmt: skip
    object.__setattr__(made.schema.inputs["note"].fitted, "config", "{")
    made.save(tmp_path / "model")
    with pytest.raises(ArtifactError, match="cannot be built"):
        plait.load(tmp_path / "model")


@pytest.mark.parametrize(
    "values",
    [{"transformers_weights": "other.safetensors"}, {"use_return_dict": False},
     {"per_layer_config": {"0": {"intermediate_size": 40}}}],
    ids=str,
)  # fmt: skip
def test_what_the_digest_does_not_cover_is_left_out(making, tmp_path, edit, values):
    encoder = making(tmp_path / "net")
    making(tmp_path / "other", seed=7)
    (tmp_path / "other" / "model.safetensors").rename(tmp_path / "net" / "other.safetensors")
    clean = fit(encoder)
    edit(encoder, "config.json", **values)
    part = fit(encoder)
    assert part.fitted == clean.fitted
    expected = clean.build(8).still.state_dict()
    assert all(
        value.equal(expected[key]) for key, value in part.build(8).still.state_dict().items()
    )


@pytest.mark.parametrize("path", ["../other/model.safetensors", "part/model.safetensors"])
def test_weights_elsewhere_are_refused(making, tmp_path, edit, path):
    encoder = making(tmp_path / "net")
    (tmp_path / "net" / "model.safetensors").rename(tmp_path / "net" / "model-1.safetensors")
    edit(encoder, "model.safetensors.index.json", weight_map={"a": path})
    with pytest.raises(ConfigError, match=re.escape(f"beside it. Found {path!r}")):
        fit(encoder)


@pytest.mark.parametrize(
    ("family", "tune", "told"),
    [("bert", "last:9", "at most 'last:2'"), ("mpnet", "last:1", "one of these families")],
)
def test_a_way_to_tune_that_does_not_fit_is_told_at_once(making, tmp_path, family, tune, told):
    encoder = making(tmp_path / "net", family)
    with pytest.raises(ConfigError, match=told):
        fit(encoder, tune=tune, max_length=16)


@pytest.mark.parametrize(
    ("package", "extra", "tune"),
    [("transformers", "hf", "frozen"), ("peft", "lora", "lora")],
)
def test_a_missing_package_is_told_at_once(folder, monkeypatch, package, extra, tune):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ConfigError, match=re.escape(f"{folder!r} needs packages")) as found:
        fit(folder, tune=tune)
    assert f"pip install 'plait[{extra}]'" in str(found.value)


@pytest.mark.parametrize("tune", ["frozen", "last:1", "lora"])
def test_a_fit_draws_nothing(folder, tune):
    before = torch.get_rng_state()
    fit(folder, tune=tune)
    assert torch.equal(torch.get_rng_state(), before)


class Hub:
    """A hub that notes what it was asked."""

    def __init__(self, local: Path | None, remote: Path) -> None:
        self.local, self.remote = local, remote
        self.asked: list[bool] = []

    def __call__(self, name, allow_patterns, local_files_only=False) -> str:
        self.asked.append(local_files_only)
        if not local_files_only:
            return str(self.remote)
        if self.local is None:
            raise LocalEntryNotFoundError("not there")
        return str(self.local)


@pytest.mark.parametrize("there", ["all", "some", "nothing"])
def test_the_network_is_asked_last(making, tmp_path, monkeypatch, there):
    making(tmp_path / "local")
    making(tmp_path / "remote")
    if there == "some":
        (tmp_path / "local" / "model.safetensors").unlink()
    hub = Hub(None if there == "nothing" else tmp_path / "local", tmp_path / "remote")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub)
    found = HfFolder.of("hf:someone/small").path
    assert found == tmp_path / ("local" if there == "all" else "remote")
    assert hub.asked == ([True] if there == "all" else [True, False])


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("hub", [True, False])
def test_settings_of_bars_are_what_they_were(folder, shown, hub):
    (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
    (utils.enable_progress_bars if hub else utils.disable_progress_bars)()
    (utils.disable_progress_bars if hub else utils.enable_progress_bars)("some.group")
    try:
        with quiet():
            assert not logging.is_progress_bar_enabled()
        assert logging.is_progress_bar_enabled() == shown
        assert utils.are_progress_bars_disabled() == (not hub)
        assert utils.are_progress_bars_disabled("some.group") == hub
    finally:
        logging.enable_progress_bar()


def test_a_config_that_nobody_changed_is_whole(folder):
    known = json.loads(fit(folder).fitted.config)
    assert {"hidden_size", "vocab_size", "model_type", "num_hidden_layers"} <= {*known}


@pytest.mark.parametrize("name", ["/no/where", "./nowhere", "~/nowhere", "a/b/c", "a\\b"])
def test_a_path_to_nothing_is_no_question_for_a_hub(name, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", None)
    with pytest.raises(ConfigError, match=r"There is no such folder\. Mend the path"):
        HfFolder.of(f"hf:{name}")


def test_the_answer_of_a_hub_is_a_sentence(monkeypatch):
    def asked(*_, **__):
        raise LocalEntryNotFoundError("[Errno -2] Name or service not known")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", asked)
    with pytest.raises(ConfigError, match=r"service not known\. Give the path of a folder, or"):
        HfFolder.of("hf:someone/small")
