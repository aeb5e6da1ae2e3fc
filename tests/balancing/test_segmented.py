"""One pass instead of one for each task, where each row has the label of one."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from plait import ConfigError, balancing
from plait._catalogue import catalogue
from plait.balancing import Balancer, GradDrop, PCGrad, UPGrad, backward

TASKS = ("a", "b", "c")
BATCH, TOKENS = 12, 5
every = pytest.mark.parametrize("kind", catalogue(balancing, Balancer).values())


def masks(seed: int = 0, batch: int = BATCH, none: int = 1) -> dict[str, Tensor]:
    """Rows of each task, in no order and of unlike number; some rows have no label."""
    order = torch.randperm(batch, generator=torch.Generator().manual_seed(seed))[none:]
    ends = [0, 2, 6, len(order)]
    return {
        name: torch.zeros(batch, dtype=torch.bool).index_fill_(0, order[low:high], True)
        for name, low, high in zip(TASKS, ends, ends[1:], strict=False)
    }


class Mlp(nn.Module):
    def __init__(self, *middle: nn.Module, width: int = 8) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, width), nn.Tanh(), *middle, nn.Linear(width, 5))
        self.heads = nn.ModuleList([nn.Linear(5, 1) for _ in TASKS])

    def features(self, x: Tensor) -> Tensor:
        return self.trunk(x)

    def losses(self, x: Tensor, rows: dict[str, Tensor]) -> dict[str, Tensor]:
        found = self.features(x)
        return {
            name: 10**place * (head(found[rows[name]]) - 1).square().mean()
            for place, (name, head) in enumerate(zip(TASKS, self.heads, strict=True))
        }


class Tokens(Mlp):
    """An embedding that is also a layer, attention, norms, layers without bias, of three axes."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(7, 8)
        self.places = nn.Parameter(torch.randn(1, TOKENS, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2, bias=False)
        self.bare = nn.Linear(8, 8, bias=False)
        self.out = nn.Linear(7, 5)

    def features(self, x: Tensor) -> Tensor:
        known = self.layer(self.words((3 * x[:, :TOKENS]).long().abs() % 7) + self.places)
        turned = known.transpose(0, 1)
        known = known + self.attention(turned, turned, turned)[0].transpose(0, 1)
        known = self.bare(self.bare(known).tanh())
        return self.out((known.mean(1) @ self.words.weight.T).tanh())


class Picture(Mlp):
    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 4)
        self.late = nn.Conv2d(4, 6, 2, bias=False)
        self.act = nn.PReLU()
        self.out = nn.Linear(6, 5)

    def features(self, x: Tensor) -> Tensor:
        found = self.late(self.act(self.norm(self.early(x.view(-1, 1, 2, 3)))))
        return self.out(found.mean((2, 3)))


class Twice(Mlp):
    """A layer that is used twice, with a norm in between, and a weight used once more as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.same, self.norm = nn.Linear(6, 6), nn.LayerNorm(6)
        self.out = nn.Linear(6, 5)

    def features(self, x: Tensor) -> Tensor:
        once = self.norm(self.same(x).tanh())
        return self.out(self.norm(self.same(once).tanh()) @ self.same.weight)


class Checkpointed(Mlp):
    def features(self, x: Tensor) -> Tensor:
        found = checkpoint(self.trunk[:2], x, use_reentrant=False)
        return checkpoint(self.trunk[2:], found, use_reentrant=False)


class Frames(Mlp):
    """Each row is several pictures, and these are rows of a layer."""

    def features(self, x: Tensor) -> Tensor:
        return self.trunk(x.repeat(1, 3).view(-1, 6)).view(len(x), 3, 5).mean(1)


class Recurrent(Mlp):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(6, 7, batch_first=True)
        self.out = nn.Linear(7, 5)

    def features(self, x: Tensor) -> Tensor:
        return self.out(self.cell(torch.stack([x, 2 * x, -x], 1))[0][:, -1])


class Loose(Mlp):
    """Weights of no layer: a temperature, a token of no row, a matrix; and sums of words."""

    def __init__(self) -> None:
        super().__init__()
        self.sharp = nn.Parameter(torch.tensor(1.5))
        self.first = nn.Parameter(torch.randn(1, 1, 5))
        self.turn = nn.Parameter(torch.randn(5, 5))
        self.bag, self.often = nn.EmbeddingBag(9, 6), nn.Embedding(9, 6, scale_grad_by_freq=True)

    def features(self, x: Tensor) -> Tensor:
        words = (3 * x).long().abs() % 9
        found = self.trunk(self.bag(words) + self.often(words).sum(1)) * self.sharp
        found = torch.einsum("bi,ij->bj", found, self.turn)
        first = self.first.expand(len(x), 1, 5)
        return torch.cat([first, found[:, None]], 1).tanh().mean(1) + first[:, 0] * found


class Group(Mlp):
    """Two of the tasks share a layer more, and one has no head of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.more = nn.Linear(5, 5)

    def losses(self, x: Tensor, rows: dict[str, Tensor]) -> dict[str, Tensor]:
        found = self.features(x)
        more = self.more(found).tanh()
        return {
            "a": self.heads[0](more[rows["a"]]).square().mean(),
            "b": (more.square().mean(1) * rows["b"]).sum(),
            "c": self.heads[2](found[rows["c"]]).square().mean(),
        }


class Bare(Mlp):
    """Nothing but wide layers: no gradient is written out."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(6, 200, bias=False), nn.Tanh(), nn.Linear(200, 5, bias=False)
        )


NETS = [Mlp, Bare, Recurrent, Loose, Group, Tokens, Picture, Twice, Checkpointed, Frames,
        lambda: Mlp(nn.Linear(300, 300), width=300), lambda: Mlp(nn.LayerNorm(8)),
        lambda: Mlp(nn.BatchNorm1d(8).eval())]  # fmt: skip


def made(build: Callable[[], Mlp], dtype: torch.dtype = torch.float64) -> Mlp:
    torch.manual_seed(1)
    return build().to(dtype)


def inputs(batch: int = BATCH) -> Tensor:
    return torch.randn(batch, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def grads(net: nn.Module) -> Tensor:
    return torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in net.parameters()]
    )


def close(one: Tensor, other: Tensor, bound: float = 1e-9) -> bool:
    return bool((one - other).abs().max() <= bound * other.abs().max())


def passes(net: Mlp, rows: dict[str, Tensor], rule: Balancer, x: Tensor | None = None) -> int:
    """How often a step goes backward through the trunk."""
    seen = []
    kept = net.features

    def features(x: Tensor) -> Tensor:
        found = kept(x)
        found.register_hook(lambda grad: seen.append(1))
        return found

    net.features = features
    x = inputs() if x is None else x
    try:
        backward(net.losses(x, rows), rule, rows=rows)
    finally:
        net.features = kept
    return len(seen)


@every
def test_all_weights_and_gradients_are_those_of_a_pass_for_each(kind):
    net, rows = made(Mlp), masks()
    one, other = kind(TASKS), kind(TASKS)
    for _ in range(3):
        found = []
        for rule, told in ((one, {"rows": rows}), (other, {})):
            net.zero_grad()
            at = {} if rule.needs == "losses" else {"at": "shared"}
            weights = backward(net.losses(inputs(), rows), rule, **at, **told)
            found.append((torch.stack(list(weights.values())), grads(net)))
        assert close(*(each[0] for each in found))
        assert close(*(each[1] for each in found))
    assert one.last.fallback == ""


@pytest.mark.parametrize("build", NETS)
@pytest.mark.parametrize("kind", [UPGrad, GradDrop])
def test_layers_of_all_kinds(build, kind):
    net = made(build)
    one, other = kind(TASKS), kind(TASKS)
    for step in range(3):
        rows, found = masks(step), []
        for rule, told in ((one, {"rows": rows}), (other, {})):
            net.zero_grad()
            backward(net.losses(inputs(), rows), rule, **told)
            found.append(grads(net))
            assert rule.last.fallback == ""
        assert close(*found)
        assert close(one.last.gramian, other.last.gramian)
    assert len(one.work.proofs) == 1


@pytest.mark.parametrize("build", [Mlp, Tokens, Picture, Twice, Frames])
def test_one_pass_once_a_structure_is_known(build):
    net, rule = made(build), UPGrad(TASKS)
    assert passes(net, masks(), rule) == 2 * len(TASKS) + 1
    assert [passes(net, masks(step), rule) for step in (1, 2)] == [1, 1]
    # Nor does the number of rows, or an absent task, change how rows lie.
    x, rows = inputs(20), masks(3, 20)
    assert passes(net, rows, rule, x) == 1


def test_a_task_may_be_absent():
    net, rows = made(Mlp), masks()
    one, other = UPGrad(TASKS), UPGrad(TASKS)
    for names in (TASKS, ("a", "c"), TASKS, ("b", "c")):
        found = []
        for rule, told in ((one, {"rows": rows}), (other, {})):
            net.zero_grad()
            losses = {
                name: loss for name, loss in net.losses(inputs(), rows).items() if name in names
            }
            losses |= {} if "b" in names else {"b": torch.tensor(torch.nan, requires_grad=True)}
            backward(losses, rule, **told)
            found.append(grads(net))
        assert close(*found)
    assert one.skipped.tolist() == other.skipped.tolist() == [0, 1, 0]
    assert len(one.work.proofs) == 1


def test_gradients_are_added_and_parts_of_a_step_and_rests_work():
    net, rows = made(Mlp), masks()
    found = []
    for told in ({"rows": rows}, {}):
        rule = UPGrad(TASKS)
        net.zero_grad()
        for part in (0, 1, 0, 1, 0, 1):
            backward(net.losses(inputs(), rows), rule, micro=(part, 2), every=2, **told)
        found.append(grads(net))
    assert close(*found)


@pytest.mark.parametrize("scale", [1.0, 2.0**12])
def test_a_scaler(scale):
    net, rows, found = made(Mlp), masks(), []
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    for told in ({"rows": rows}, {}):
        for kind in (UPGrad, GradDrop):
            rule = kind(TASKS)
            for _ in range(2):
                net.zero_grad()
                backward(net.losses(inputs(), rows), rule, scaler=scaler, **told)
            found.append(grads(net))
    assert close(found[0], found[2])
    assert close(found[1], found[3])


def test_half_precision():
    net, rows = made(Tokens, torch.float32), masks()
    found = []
    for told in ({"rows": rows}, {}):
        rule = UPGrad(TASKS)
        for _ in range(2):
            net.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                losses = net.losses(inputs().float(), rows)
                backward(losses, rule, **told)
        assert rule.last.fallback == ""
        found.append(grads(net))
    assert close(*found, bound=0.05)


def test_gradients_that_are_not_finite_move_nothing():
    net, rows, rule = made(Mlp, torch.float32), masks(), UPGrad(TASKS)
    x = inputs().float()
    for _ in range(2):
        before = backward(net.losses(x, rows), rule, rows=rows)
    net.zero_grad()
    losses = net.losses(x, rows)
    losses["a"] = losses["a"] * 1e30 * 1e30
    after = backward(losses, rule, rows=rows, check=False)
    assert before == after
    assert not grads(net).isfinite().all()


def test_rows_that_mix_are_refused():
    rows = masks()
    net, rule = made(lambda: Mlp(nn.BatchNorm1d(8).eval())), UPGrad(TASKS)
    for _ in range(2):
        backward(net.losses(inputs(), rows), rule, rows=rows)
    assert rule.last.fallback == ""
    net.train()
    with pytest.raises(ConfigError, match="mix rows"):
        backward(net.losses(inputs(), rows), rule, rows=rows)


class Centered(Mlp):
    def features(self, x: Tensor) -> Tensor:
        found = self.trunk(x)
        return found - found.mean(0)


def test_a_mean_over_the_batch_is_found():
    net, rows = made(Centered), masks()
    with pytest.raises(ConfigError, match="mix rows"):
        backward(net.losses(inputs(), rows), UPGrad(TASKS), rows=rows)


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("masked", [True, False])
def test_a_loss_of_other_rows_than_said_is_refused(steps, masked):
    net, rows, rule = made(Mlp), masks(), UPGrad(TASKS)

    def losses() -> dict[str, Tensor]:
        features = net.features(inputs())
        if masked:
            return {
                name: head(features[rows[name]]).square().mean()
                for name, head in zip(TASKS, net.heads, strict=True)
            }
        return {
            name: (head(features)[:, 0].square() * rows[name]).mean()
            for name, head in zip(TASKS, net.heads, strict=True)
        }

    for _ in range(steps):
        backward(losses(), rule, rows=rows)
        assert rule.last.fallback == ""
    with pytest.raises(ConfigError, match="other rows than said"):
        backward(losses(), rule, rows=masks(7))


def test_pieces_of_a_batch_hold_for_the_same_rows_alone():
    net, rule = made(Mlp), UPGrad(TASKS)
    order = torch.arange(BATCH).chunk(3)
    rows = {
        name: torch.zeros(BATCH, dtype=torch.bool).index_fill_(0, some, True)
        for name, some in zip(TASKS, order, strict=True)
    }

    def losses() -> dict[str, Tensor]:
        parts = net.features(inputs()).chunk(3)
        return {
            name: head(part).square().mean()
            for name, head, part in zip(TASKS, net.heads, parts, strict=True)
        }

    found = []
    for told in ({"rows": rows}, {"rows": rows}, {}):
        net.zero_grad()
        backward(losses(), rule if told else UPGrad(TASKS), **told)
        assert rule.last.fallback == ""
        found.append(grads(net))
    assert close(found[0], found[2])
    assert close(found[1], found[2])
    turned = dict(zip(TASKS, reversed(rows.values()), strict=True))
    with pytest.raises(ConfigError, match="other rows than said"):
        backward(losses(), rule, rows=turned)


def test_rows_that_pass_the_trunk_by_themselves():
    net, rows, found = made(Twice), masks(), []
    for told in ({"rows": rows}, {}):
        rule = UPGrad(TASKS)
        for _ in range(2):
            net.zero_grad()
            losses = {
                name: head(net.features(inputs()[rows[name]])).square().mean()
                for name, head in zip(TASKS, net.heads, strict=True)
            }
            backward(losses, rule, **told)
        assert rule.last.fallback == ""
        found.append(grads(net))
    assert close(*found)


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return 2 * grad


class Written(Mlp):
    def features(self, x: Tensor) -> Tensor:
        return Own.apply(self.trunk(x))


class Sorted(Mlp):
    def features(self, x: Tensor) -> Tensor:
        found = self.trunk(x)
        order = x[:, 0].argsort()
        return found[order][order.argsort()]


def hooked() -> Mlp:
    net = Mlp()
    net.trunk[0].weight.register_hook(lambda grad: grad.clamp(-0.01, 0.01))
    return net


class Compiled(Mlp):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = torch.compile(self.trunk, backend="aot_eager")


FALLS = {
    "CompiledFunctionBackward is among": Compiled,
    "OwnBackward is among": Written,
    "IndexBackward0 is among": Sorted,
    "has a hook": hooked,
    "makes weights": lambda: Mlp(nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))),
}


@pytest.mark.parametrize("reason", FALLS)
def test_what_cannot_be_read_goes_the_ordinary_way_and_says_so(reason):
    net, rows, found = made(FALLS[reason]), masks(), []
    for told in ({"rows": rows}, {}):
        rule = UPGrad(TASKS)
        for _ in range(2):
            net.zero_grad()
            backward(net.losses(inputs(), rows), rule, **told)
        assert reason in rule.last.fallback if told else rule.last.fallback == ""
        found.append(grads(net))
    assert torch.equal(*found)


def test_losses_cut_from_one_tensor_go_the_ordinary_way():
    net, rows = made(Mlp), masks()
    rule = UPGrad(TASKS)
    stacked = torch.stack(list(net.losses(inputs(), rows).values()))
    backward(dict(zip(TASKS, stacked.unbind(), strict=True)), rule, rows=rows)
    assert "may take any rows" in rule.last.fallback


def test_what_was_changed_in_place_is_refused():
    net, rows, rule = made(Mlp), masks(), UPGrad(TASKS)
    for _ in range(2):
        backward(net.losses(inputs(), rows), rule, rows=rows)
    x = inputs()
    losses = net.losses(x, rows)
    x.zero_()
    with pytest.raises(RuntimeError, match="inplace"):
        backward(losses, rule, rows=rows)


def test_a_new_structure_is_compared():
    net, rows, rule = made(Mlp), masks(), UPGrad(TASKS)
    assert passes(net, rows, rule) == 7
    assert passes(net, rows, rule) == 1
    net.trunk.insert(2, nn.Linear(8, 8, dtype=torch.float64))
    assert passes(net, rows, rule) == 7


def test_a_rule_of_losses_has_no_use_for_rows():
    net, rows = made(Mlp), masks()
    weights = backward(net.losses(inputs(), rows), balancing.Sum(TASKS), rows=rows)
    assert set(map(float, weights.values())) == {1.0}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda rows: rows.pop("b"), r"lacks \['b'\]"),
        (lambda rows: rows.update(b=rows["b"].long()), "one boolean"),
        (lambda rows: rows.update(b=rows["b"][1:]), "one boolean"),
        (lambda rows: rows.update(b=rows["b"] | rows["a"]), r"of \['a', 'b'\]"),
    ],
)
def test_wrong_rows(change, match):
    net, rows = made(Mlp), masks()
    losses = net.losses(inputs(), rows)
    change(rows)
    with pytest.raises(ConfigError, match=match):
        backward(losses, PCGrad(TASKS), rows=rows)


@pytest.mark.parametrize("options", [{"at": "features"}, {"stream": True}, {"exact": True}])
def test_other_choices_do_not_go_with_it(options):
    net, rows = made(Mlp), masks()
    with pytest.raises(ConfigError, match="rows"):
        backward(net.losses(inputs(), rows), UPGrad(TASKS), rows=rows, **options)
