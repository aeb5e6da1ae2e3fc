"""The laws of encoders, run over pretrained ones in each way of tuning them."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from plait import Audio, Image, Text

from . import audio_kit

TEXTS = ["a red bag", "the blue shoe", None, "bag", "the red shoe and the blue bag is a bag", "a"]
SOUNDS = [audio_kit.saved(audio_kit.sound(n, 900 + 700 * n)) for n in range(5)]
WAYS = {"text": ("frozen", "last:1", "lora", "full"), "picture": ("frozen", "full"),
        "sound": ("frozen", "full")}  # fmt: skip


def laws(name: str) -> ModuleType:
    """A file of the laws of modalities."""
    path = Path(__file__).parent.parent / "modalities" / f"{name}.py"
    spec = spec_from_file_location(f"{name}_over_the_pretrained", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(law: Callable) -> tuple[str, ...]:
    return law.__code__.co_varnames[: law.__code__.co_argcount]


KIT = laws("conftest")
globals().update(
    {
        name: law
        for name, law in vars(laws("test_encoder_laws")).items()
        if name.startswith("test_") and "case" in arguments(law)
    }
)
test_double_precision = laws("test_encoder_programs").test_double_precision


@pytest.fixture(scope="session")
def sound_folder(tmp_path_factory) -> str:
    return audio_kit.make(tmp_path_factory.mktemp("wav2vec2"))


@pytest.fixture(params=[(kind, tune) for kind, ways in WAYS.items() for tune in ways], ids=" ".join)
def case(request, folder, picture_folder, sound_folder, photo):
    kind, tune = request.param
    if kind == "text":
        return KIT.Case(Text(columns=("x",), encoder=folder, tune=tune), {"x": TEXTS})
    if kind == "sound":
        cells = [*SOUNDS[:2], None, *SOUNDS[2:]]
        return KIT.Case(Audio(columns=("x",), encoder=sound_folder, tune=tune), {"x": cells})
    photos = [photo(seed=0), photo(seed=1), None, *[photo(seed=n) for n in (2, 3, 4)]]
    return KIT.Case(Image(columns=("x",), encoder=picture_folder, tune=tune), {"x": photos})
