"""Pictures through nets that were trained elsewhere."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from transformers import AutoImageProcessor, AutoModel, CLIPConfig, CLIPModel

from plait import ConfigError, Image, Table
from plait.data import Masked
from plait.modalities import Staged
from plait.modalities._hf_picture_config import POOLING
from plait.modalities._quiet import quiet

SIDE = 32


def fit(encoder: str, photos: list, **options) -> tuple[Image, Masked]:
    table = Table.of({"x": photos})
    part = Image(columns=("x",), encoder=encoder, **options).fit(table)
    cells = part.pack(table).cells
    assert isinstance(cells, Masked)
    return part, cells


def seen_by_the_library(encoder: str, photos: list[bytes]) -> torch.Tensor:
    with quiet():
        reader = AutoImageProcessor.from_pretrained(encoder.removeprefix("hf:"), backend="pil")
    opened = [Pillow.open(io.BytesIO(each)).convert("RGB") for each in photos]
    return torch.cat([reader(images=each, return_tensors="pt")["pixel_values"] for each in opened])


@pytest.mark.parametrize("family", sorted(POOLING))
def test_a_vector_is_what_the_library_itself_gives(making_picture, photo, tmp_path, family):
    encoder = making_picture(tmp_path, family)
    photos = [photo(48, 40), photo(36, 90, 1)]
    part, cells = fit(encoder, photos)
    assert part.size == SIDE
    staged = part.build(8)
    assert isinstance(staged, Staged)
    with quiet():
        net = AutoModel.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        given = net(pixel_values=seen_by_the_library(encoder, photos))
    states = given.last_hidden_state
    expected = {
        "pooler": lambda: given.pooler_output.flatten(1),
        "cls": lambda: states[:, 0],
        "mean": lambda: states.mean((2, 3)) if states.ndim == 4 else states.mean(1),
    }[POOLING[family]]()
    found = staged.still(cells).values
    assert found.shape == expected.shape == (2, part.fitted.features)
    assert torch.allclose(found, expected, atol=0.02 * expected.abs().max())
    assert not torch.equal(found[0], found[1])


PROCESSORS = {
    "squeezed": {"image_processor_type": "ViTImageProcessor", "do_center_crop": False,
                 "size": {"height": SIDE, "width": SIDE}, "resample": 2},
    "cut": {},
    "an old number": {"size": 36, "crop_size": SIDE},
    "a share": {"image_processor_type": "ConvNextImageProcessor", "do_center_crop": False,
                "size": {"shortest_edge": SIDE}, "crop_pct": 0.8},
    "no mean": {"do_normalize": False},
    "no scale": {"do_rescale": False, "image_mean": [99.0, 100.0, 120.0],
                 "image_std": [50.0, 60.0, 70.0]},
    "scale": {"rescale_factor": 1 / 127.5, "image_mean": [1.0, 1.0, 1.0]},
}  # fmt: skip


@pytest.mark.parametrize("kind", PROCESSORS)
def test_pixels_are_what_the_library_itself_shows_the_net(making_picture, photo, tmp_path, kind):
    encoder = making_picture(tmp_path)
    path = tmp_path / "preprocessor_config.json"
    told = {**json.loads(path.read_text()), **PROCESSORS[kind]}
    path.write_text(json.dumps(told))
    photos = [photo(), photo(70, 40, 1), photo(35, 41, 2), photo(33, 400, 3)]
    expected = seen_by_the_library(encoder, photos)
    part, cells = fit(encoder, photos)
    seen: list[torch.Tensor] = []
    reader = part.build(8).still
    reader.net.register_forward_pre_hook(
        lambda _, __, given: seen.append(given["pixel_values"]), with_kwargs=True
    )
    reader(cells)
    level = expected.std() / 50
    # What is shrunk in two steps may differ by a level or two from what is shrunk in one.
    assert (seen[0] - expected).abs().mean() < level / 4
    assert (seen[0] - expected).abs().max() < 4 * level


def test_another_size_keeps_the_cut(making_picture, photo, tmp_path):
    encoder = making_picture(tmp_path, "resnet")
    part, cells = fit(encoder, [photo(90, 90)], size=64)
    assert (part.size, part.fitted.size, part.fitted.edge) == (64, 64, 72)
    assert cells.values.shape == (1, 3, 64, 64)
    assert part.build(8)(cells).values.shape == (1, 1, 8)


def test_a_size_that_the_net_does_not_take_is_told(picture_folder, photo):
    with pytest.raises(ConfigError, match="should take pictures of 48 x 48 pixels"):
        fit(picture_folder, [photo()], size=48)


def test_the_half_of_clip_for_pictures_is_taken(making_picture, photo, tmp_path):
    making_picture(tmp_path)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPConfig(
        vision_config={**shape, "image_size": SIDE, "patch_size": 8},
        text_config={**shape, "vocab_size": 20, "bos_token_id": 1, "eos_token_id": 2},
    )
    with torch.random.fork_rng(), quiet():
        torch.manual_seed(0)
        whole = CLIPModel(config).eval()
        whole.save_pretrained(tmp_path)
    part, cells = fit(f"hf:{tmp_path}", [photo(), photo(seed=1)])
    reader = part.build(8).still
    assert not any("text" in name for name in reader.state_dict())
    pixels = seen_by_the_library(f"hf:{tmp_path}", [photo(), photo(seed=1)])
    with torch.no_grad():
        expected = whole.vision_model(pixel_values=pixels).pooler_output
    assert torch.allclose(reader(cells).values, expected, atol=0.02 * expected.abs().max())


@pytest.mark.parametrize("named", ["processor_config.json"])
def test_what_newer_versions_call_it_is_read_too(making_picture, photo, tmp_path, named):
    encoder = making_picture(tmp_path)
    expected = fit(encoder, [photo()])[0].fitted
    path = tmp_path / "preprocessor_config.json"
    (tmp_path / named).write_text(json.dumps({"image_processor": json.loads(path.read_text())}))
    path.unlink()
    assert fit(encoder, [photo()])[0].fitted == expected
    (tmp_path / named).write_text("{}")
    with pytest.raises(ConfigError, match="'image_processor'"):
        fit(encoder, [photo()])


@pytest.mark.parametrize(
    ("mode", "kind"), [("CMYK", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("L", "PNG"), ("1", "PNG")]
)
def test_pictures_of_all_kinds_become_three_channels(picture_folder, photo, mode, kind):
    _, cells = fit(picture_folder, [photo(48, 40, mode=mode, kind=kind)])
    like = "L" if mode in ("L", "1") else "RGB"
    near = fit(picture_folder, [photo(48, 40, mode=like)])[1].values.float()
    most = 128 if mode == "1" else 24
    assert cells.mask.all()
    assert (cells.values.float() - near).abs().mean() < most


def test_pictures_of_one_pixel_and_of_a_line_are_read(picture_folder, photo):
    part, cells = fit(picture_folder, [photo(1, 1), photo(1, 300), photo(300, 1), None])
    assert cells.mask.tolist() == [True, True, True, False]
    first = np.asarray(Pillow.open(io.BytesIO(photo(1, 1))).convert("RGB"))[0, 0]
    assert (cells.values[0] == torch.from_numpy(first.copy()).view(3, 1, 1)).all()
    assert part.build(8)(cells).values.isfinite().all()


def test_the_files_of_the_encoder_count_as_its_data(picture_folder, photo):
    part, _ = fit(picture_folder, [photo()])
    names = {path.name for path in part.files(Table.of({"x": [photo()]}))}
    assert names == {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert Path(picture_folder.removeprefix("hf:")).is_dir()
