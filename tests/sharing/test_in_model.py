"""Every way of sharing inside a model and a learner, by its class and by its name."""

import pytest
import torch

import plait
from plait import sharing
from plait._catalogue import catalogue
from plait.sharing import Sharing, TaskQueries

KINDS = catalogue(sharing, Sharing)
TABLE = {
    "words": ["a red bag", "a blue shoe", None, "the red shoe", "bag", None] * 6,
    "size": [1.0, 2.0, None, 4.0, 5.0, None] * 6,
    "price": [float(n % 7) for n in range(36)],
    "is it sold?": [n % 3 == 0 for n in range(36)],
}
TARGETS = ["price", "is it sold?"]


@pytest.mark.parametrize("name", KINDS)
def test_a_model_with_it_answers_trains_and_is_saved(name, tmp_path):
    short = plait.Training(epochs=1, batch_size=12, device="cpu")
    learner = plait.Learner(TARGETS, sharing=name, width=8, training=short).fit(TABLE)
    assert isinstance(learner.model.sharing, KINDS[name])
    answers = learner.predict(TABLE)
    learner.save(tmp_path / "model.plait")
    assert plait.load(tmp_path / "model.plait").predict(TABLE) == answers


def test_the_model_hands_over_tokens_to_the_one_that_reads_them():
    schema = plait.Schema.infer(TABLE, targets=TARGETS).fit(TABLE)
    model = plait.Model(schema, 8, sharing=TaskQueries).eval()
    seen = []
    model.sharing.register_forward_hook(lambda _, given, __: seen.append(given))
    inputs = schema.pack(TABLE)[torch.arange(6)].inputs
    model(inputs)
    ((features, tokens),) = seen
    assert features.shape == (6, 8)
    assert tokens.mask.shape[0] == 6
    assert tokens.present.tolist()[0]
