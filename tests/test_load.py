import math

import pytest

from plait import ArtifactError, Learner, Training, Vector, load
from plait.data import Packed

TABLE = {"clip": [[float(n), 1.0] for n in range(20)], "y": [2.0 * n for n in range(20)]}
QUICK = Training(epochs=1, batch_size=8, device="cpu")


class Bent(Vector):
    """A modality of one's own."""

    def pack(self, table) -> Packed:
        return super().pack(table)


def test_a_model_of_ones_own_modality_takes_its_class(tmp_path):
    learner = Learner(["y"], {"clip": Bent()}, width=8, training=QUICK).fit(TABLE)
    path = learner.save(tmp_path / "m")
    with pytest.raises(ArtifactError, match="'Bent'"):
        load(path)
    found = load(path, own=[Bent])
    assert found.predict(TABLE) == learner.predict(TABLE)
    assert isinstance(found.schema.inputs["clip"], Bent)


def test_a_loaded_model_answers_evaluates_and_is_saved_again(tmp_path):
    learner = Learner(["y"], width=8, training=QUICK).fit(TABLE)
    found = load(learner.save(tmp_path / "m"))
    assert not found.model.training
    assert found.evaluate(TABLE).to_dict() == learner.evaluate(TABLE).to_dict()
    again = load(found.save(tmp_path / "n"))
    assert again.predict(TABLE) == learner.predict(TABLE)
    assert all(math.isfinite(value) for value in again.predict(TABLE)["y"])


def test_a_loaded_model_can_be_fitted_anew_as_it_was(tmp_path):
    learner = Learner(["y"], {"clip": Vector()}, width=8, training=QUICK, seed=4).fit(TABLE)
    wanted = learner.predict(TABLE)
    assert load(learner.save(tmp_path / "m")).fit(TABLE).predict(TABLE) == wanted
