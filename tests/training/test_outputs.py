import pytest
import torch

from plait.training import outputs


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_each_row_gets_its_own_output_whatever_its_length(words, size):
    model = words.model().eval()
    found = outputs(model, words.pack, size=size)
    lengths = words.pack.lengths
    assert lengths is not None
    assert lengths.tolist() != sorted(lengths.tolist())
    with torch.no_grad():
        alone = [model(words.pack[torch.tensor([row])].inputs) for row in range(len(words.pack))]
    for name, output in found.items():
        wanted = torch.cat([each[name] for each in alone])
        torch.testing.assert_close(output, wanted, atol=1e-5, rtol=1e-5)


def test_where_memory_runs_out_fewer_rows_are_run_at_a_time(words):
    model, sizes = words.model().eval(), []

    class Narrow(torch.nn.Module):
        def forward(self, inputs):
            rows = len(next(iter(inputs.values())))
            sizes.append(rows)
            if rows > 20:
                raise torch.OutOfMemoryError("out of memory")
            return model(inputs)

    found = outputs(Narrow(), words.pack)
    assert sizes[0] == 60
    assert sum(size for size in sizes if size <= 20) == 60  # each row once where it fits
    for name, output in outputs(model, words.pack).items():
        torch.testing.assert_close(found[name], output, atol=1e-5, rtol=1e-5)
    sizes.clear()
    with pytest.raises(RuntimeError, match="another fault"):
        outputs(Faulty(), words.pack)


class Faulty(torch.nn.Module):
    def forward(self, inputs):
        raise RuntimeError("another fault")
