"""Every kind of product with a weight, and of two activations, held to the twin."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from profiling import comparing, twin
from profiling.book import Book, Site
from profiling.noting import Fire, Noting, found, linear, spikes, written
from profiling.twin import Weights
from spareto.core.errors import ConfigError
from spareto.profiling import profile

T, N = 3, 4


class Lone(Noting):
    """One layer over `(T, B, ...)` merged, and what its neurons emit."""

    def __init__(self, layer, between=None):
        super().__init__()
        self.layer, self.between, self.fire = layer, between or nn.Identity(), Fire()

    def forward(self, x):
        self.note("in", x, "TB")
        y = self.between(self.layer(x.flatten(0, 1))).unflatten(0, x.shape[:2])
        return self.note("out", self.fire(y), "TB").flatten(2).mean(0)


def pruned(layer):
    with torch.no_grad():
        for name, weight in layer.named_parameters():
            if weight.dim() > 1:
                weight.copy_(torch.randn(weight.shape) * (torch.rand(weight.shape) > 0.4))
            else:
                weight.copy_(torch.randn(weight.shape) * (torch.arange(len(weight)) % 2))
            assert name
    return layer


CONVOLUTIONS = {
    "1d": (lambda: nn.Conv1d(4, 6, 3, padding=1), (4, 7)),
    "1d dilated": (lambda: nn.Conv1d(4, 6, 3, dilation=2), (4, 9)),
    "1d same": (lambda: nn.Conv1d(4, 6, 4, padding="same", bias=False), (4, 7)),
    "2d": (lambda: nn.Conv2d(4, 6, 3, padding=1), (4, 5, 6)),
    "2d grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False), (4, 5, 6)),
    "2d depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4, stride=2), (4, 5, 6)),
    "2d dilated": (lambda: nn.Conv2d(4, 6, (2, 3), dilation=(2, 1), bias=False), (4, 5, 6)),
    "2d same, even kernel": (lambda: nn.Conv2d(4, 6, (2, 4), padding="same"), (4, 5, 6)),
    "2d valid": (lambda: nn.Conv2d(4, 6, 3, padding="valid"), (4, 5, 6)),
    "3d": (lambda: nn.Conv3d(2, 3, 2, padding=(1, 0, 1), bias=False), (2, 3, 4, 3)),
    "3d grouped, strided": (lambda: nn.Conv3d(2, 4, 2, stride=(1, 2, 1), groups=2), (2, 3, 4, 3)),
    "transposed 1d": (lambda: nn.ConvTranspose1d(4, 6, 3, stride=2, bias=False), (4, 5)),
    "transposed 2d": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1), (4, 3, 4)),
    "transposed 2d grouped": (lambda: nn.ConvTranspose2d(4, 6, 2, groups=2, bias=False), (4, 3, 4)),
    "transposed 3d": (lambda: nn.ConvTranspose3d(2, 3, 2, bias=False), (2, 2, 3, 2)),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_convolutions_of_every_kind(kind):
    make, shape = CONVOLUTIONS[kind]
    torch.manual_seed(0)
    net, frames = Lone(pruned(make())), spikes(T, N, *shape, seed=0, density=0.2)
    book = written(net, frames)
    workload = found(net, frames, N, layout="time-first", time="time-batch")
    (layer,) = workload.layers
    assert layer.kind == {"t": "conv_transpose"}.get(kind[0], "conv") + kind.removeprefix("transposed ")[:2]
    comparing.assert_layer(layer, Site("layer", net.layer, book["in"], book["out"]))
    assert layer.bias_bits == (None if net.layer.bias is None else 32)


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_padding_with_values_is_what_enters_the_layer(mode):
    torch.manual_seed(1)
    conv = pruned(nn.Conv2d(2, 3, 3, padding=1, padding_mode=mode, bias=False))
    net, frames = Lone(conv), spikes(T, N, 2, 4, 5, seed=1)
    book = written(net, frames)
    padded = F.pad(torch.from_numpy(book["in"]).flatten(0, 1), (1, 1, 1, 1), mode=mode)
    padded = padded.unflatten(0, (T, N)).numpy()
    weights = Weights(conv.weight.detach().numpy(), stride=(1, 1), padding=((0, 0),) * 2, dilation=(1, 1))
    (layer,) = found(net, frames, N, layout="time-first", time="time-batch").layers
    comparing.assert_layer(layer, Site("layer", weights, padded, book["out"]))


# --- a parameter without a module around it


class Bare(Noting):
    """A dense layer written as a function on a parameter."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.fire = kind, Fire()
        self.weight = nn.Parameter(torch.randn(5, 6) * (torch.rand(5, 6) > 0.3))

    def forward(self, x):
        self.note("in", x, "TB")
        w = self.weight
        y = {
            "linear": lambda: F.linear(x, w),
            "@": lambda: x @ w.t(),
            "@ mT": lambda: x @ w.mT,
            "matmul turned": lambda: (w @ x.transpose(-1, -2)).transpose(-1, -2),
            "einsum": lambda: torch.einsum("tbf,mf->tbm", x, w),
            "einsum, weight first": lambda: torch.einsum("mf,btf->tbm", w, x.transpose(0, 1)),
            "mm": lambda: torch.mm(x.flatten(0, 1), w.t()).unflatten(0, x.shape[:2]),
            "addmm": lambda: torch.addmm(torch.zeros(5), x.flatten(0, 1), w.t()).unflatten(0, x.shape[:2]),
            "tensordot": lambda: torch.tensordot(x, w, dims=([2], [1])),
            "conv1d": lambda: F.conv1d(x.flatten(0, 1)[..., None], w[..., None])[..., 0].unflatten(
                0, x.shape[:2]
            ),
            "mv a sample": lambda: torch.stack([F.linear(now, w) for now in x]),
            "bmm": lambda: torch.bmm(x, w.t().expand(len(x), 6, 5)),
            "spectral": lambda: F.linear(x, w / torch.dot(w[:, 0], torch.mv(w, w[0])).abs()),
        }[self.kind]()
        return self.note("out", self.fire(y), "TB").mean(0)


SPELLINGS = (
    "linear",
    "@",
    "@ mT",
    "matmul turned",
    "einsum",
    "einsum, weight first",
    "mm",
    "addmm",
    "tensordot",
    "conv1d",
    "mv a sample",
    "bmm",
    "spectral",
)


@pytest.mark.parametrize("kind", SPELLINGS)
def test_functions_on_a_parameter_are_layers(kind):
    torch.manual_seed(2)
    net, frames = Bare(kind), spikes(T, N, 6, seed=2)
    book = written(net, frames)
    (layer,) = found(net, frames, N, layout="time-first", time="time-batch").layers
    site = Site("", Weights(net.weight.detach().numpy()), book["in"], book["out"])
    comparing.assert_layer(layer, site)


class Nodes(Noting):
    """A weight over the tokens of `(T, B, tokens, F)`, as graphs and mixers have one."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.fire, self.head = kind, Fire(), linear(4, 3)
        self.weight = nn.Parameter(torch.randn(7, 5) * (torch.rand(7, 5) > 0.3))

    def forward(self, x):
        self.note("in", x.mT, "TB")
        w, time = self.weight, len(x)
        merged = x.flatten(0, 1)
        y = {
            "einsum, weight first": lambda: torch.einsum("nm,tbmf->tbnf", w, x),
            "einsum, weight last": lambda: torch.einsum("tbmf,nm->tbnf", x, w),
            "einsum, batch first": lambda: torch.einsum("nm,btmf->tbnf", w, x.transpose(0, 1)),
            "einsum a timestep": lambda: torch.stack([torch.einsum("nm,bmf->bnf", w, now) for now in x]),
            "@": lambda: w @ x,
            "@ with axes": lambda: w[None, None] @ x,
            "linear": lambda: F.linear(x.mT, w).mT,
            "bmm": lambda: torch.bmm(w.expand(len(merged), 7, 5), merged).unflatten(0, (time, -1)),
            "tensordot": lambda: torch.tensordot(w, x, dims=([1], [2])).permute(1, 2, 0, 3),
            "conv1d": lambda: F.conv1d(merged, w[..., None]).unflatten(0, (time, -1)),
        }[self.kind]()
        emitted = self.note("out", self.fire(y).mT, "TB")
        return self.fire(self.head(emitted.mT)).mean((0, 2))


NODES = ("einsum, weight first", "einsum, weight last", "einsum, batch first", "einsum a timestep", "@")
NODES += ("@ with axes", "linear", "bmm", "tensordot", "conv1d")


@pytest.mark.parametrize("kind", NODES)
def test_weights_over_tokens(kind):
    torch.manual_seed(12)
    net, frames = Nodes(kind), spikes(T, N, 5, 4, seed=12)
    book = written(net, frames)
    options = {"layout": "time-first", "time": "time-batch"}
    workload = found(net, frames, N, **options)
    layer = workload.layers[0]
    counted = twin.count(Weights(net.weight.detach().numpy()), book["in"], places=1)
    both = comparing._both
    assert (layer.effectual_synops_mean, layer.effectual_synops_max) == both(counted.effectual)
    assert (layer.reached_synops_mean, layer.reached_synops_max) == both(counted.reached)
    assert (layer.touched_updates_mean, layer.touched_updates_max) == both(counted.touched)
    assert layer.dense_synops == T * 4 * 7 * 5
    assert layer.neuron.count == 4 * 7
    assert layer.output.nonzero_mean == (book["out"] != 0).sum((0, 2, 3)).mean()
    for size in (1, 2):
        assert found(net, frames, N, batch_size=size, **options) == workload


# --- what stands between


BETWEEN = {
    "average pool": lambda: nn.AvgPool2d(2),
    "max pool": lambda: nn.MaxPool2d(2),
    "adaptive average pool": lambda: nn.AdaptiveAvgPool2d((2, 1)),
    "adaptive max pool": lambda: nn.AdaptiveMaxPool2d((1, 2)),
    "global mean": lambda: nn.AdaptiveAvgPool2d(1),
    "overlapping pool": lambda: nn.MaxPool2d(3, stride=1),
    "max pool with flattening": lambda: nn.Sequential(nn.MaxPool2d(2), nn.Flatten()),
    "flattening": lambda: nn.Flatten(),
    "dropout": lambda: nn.Dropout(0.5),
    "upsampling": lambda: nn.Upsample(scale_factor=2),
}


@pytest.mark.parametrize("kind", BETWEEN)
def test_pooling_and_reshaping_before_the_neurons_leave_the_layers_own_plane(kind):
    torch.manual_seed(3)
    net = Lone(pruned(nn.Conv2d(2, 3, 3, padding=1, bias=False)), BETWEEN[kind]())
    frames = spikes(T, N, 2, 4, 4, seed=3)
    book = written(net, frames)
    (layer,) = found(net, frames, N, layout="time-first", time="time-batch").layers
    assert (layer.plane, layer.out_channels) == ((4, 4), 3)
    emitted = book["out"]
    if emitted.ndim == 3:  # flattened: channels come first
        emitted = emitted.reshape(T, N, 3, -1)
    comparing.assert_layer(layer, Site("layer", net.layer, book["in"], emitted, pooled=True))


@pytest.mark.parametrize("kind", ["spikes", "membranes", "concatenated", "projected", "gated"])
def test_skips(kind):
    class Skip(Noting):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.fire = linear(6, 6), linear(6, 6), Fire()
            self.c = linear(12 if kind == "concatenated" else 6, 3)
            self.p = linear(6, 6)

        def forward(self, x):
            a = self.note("a.out", self.fire(self.a(self.note("a", x, "TB"))), "TB")
            current = self.b(self.note("b", a, "TB"))
            if kind == "membranes":
                current = current + a
            if kind == "projected":
                current = current + self.p(self.note("p", x, "TB"))
            b = self.note("b.out", self.fire(current), "TB")
            b = {
                "spikes": lambda: a + b,
                "concatenated": lambda: torch.cat([a, b], -1),
                "gated": lambda: a * b,
            }.get(kind, lambda: b)()
            return self.note("c.out", self.fire(self.c(self.note("c", b, "TB"))), "TB").mean(0)

    torch.manual_seed(4)
    net, frames = Skip(), spikes(T, N, 6, seed=4)
    if kind != "projected":
        del net.p
    book = written(net, frames)
    workload = found(net, frames, N, layout="time-first", time="time-batch")
    sites = [
        Site("a", net.a, book["a"], book["a.out"]),
        Site("b", net.b, book["b"], None if kind == "projected" else book["b.out"]),
        Site("c", net.c, book["c"], book["c.out"]),
    ]
    if kind == "projected":
        sites.append(Site("p", net.p, book["p"], book["b.out"]))
    comparing.assert_equal(workload, sites)


# --- norms and biases


@pytest.mark.parametrize("kind", ["bias", "batch norm", "both", "norm without shift", "none"])
def test_what_a_constant_drives_is_touched_in_every_timestep(kind):
    torch.manual_seed(5)
    conv = pruned(nn.Conv2d(2, 4, 2, bias=kind in ("bias", "both")))
    norm = nn.BatchNorm2d(4) if kind not in ("bias", "none") else None
    driven = np.zeros(4, bool)
    if kind in ("bias", "both"):
        driven |= conv.bias.detach().numpy() != 0
    if norm is not None and kind != "norm without shift":
        with torch.no_grad():
            norm.bias[:] = torch.tensor([0.3, 0.0, 0.0, 0.1])
            norm.running_mean[:] = torch.tensor([0.0, 0.0, 0.2, 0.0])
        driven |= np.array([True, False, True, True])
    net, frames = Lone(conv, norm), spikes(T, N, 2, 4, 4, seed=5, density=0.05)
    book = written(net, frames)
    (layer,) = found(net, frames, N, layout="time-first", time="time-batch").layers
    comparing.assert_layer(layer, Site("layer", conv, book["in"], book["out"], driven=driven))
    assert (layer.bias_bits is None) == (kind == "none")


# --- embeddings, tied weights, attention, recurrent layers of torch


def test_an_embedding_reads_the_rows_that_are_looked_up():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.book, self.table, self.fc, self.fire = Book(), nn.Embedding(7, 5), linear(5, 3), Fire()

        def forward(self, x):  # (T, B)
            return self.fire(self.fc(self.fire(self.table(x.long())))).mean(0)

    torch.manual_seed(6)
    net, words = Words(), np.random.default_rng(6).integers(0, 7, (T, N))
    table = found(net, words, N, layout="time-first", time="time-batch").layers[0]
    one_hot = np.eye(7)[words]
    weights = Weights(net.table.weight.detach().numpy().T)
    counted = twin.count(weights, one_hot)
    assert (table.kind, table.in_channels, table.out_channels) == ("embedding", 7, 5)
    assert (table.effectual_synops_mean, table.reached_synops_mean) == (
        counted.effectual.mean(),
        counted.reached.mean(),
    )


def test_tied_weights_are_stored_once():
    class Tied(Noting):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out, self.fire = linear(6, 6), linear(6, 6), linear(6, 3), Fire()
            self.b.weight = self.a.weight

        def forward(self, x):
            a = self.note("b", self.fire(self.a(self.note("a", x, "TB"))), "TB")
            return self.fire(self.out(self.note("b.out", self.fire(self.b(a)), "TB"))).mean(0)

    torch.manual_seed(7)
    net, frames = Tied(), spikes(T, N, 6, seed=7)
    book = written(net, frames)
    workload = found(net, frames, N, layout="time-first", time="time-batch")
    assert [(layer.name, layer.shares) for layer in workload.layers] == [
        ("a", None),
        ("b", "a"),
        ("out", None),
    ]
    comparing.assert_layer(workload.layers[0], Site("a", net.a, book["a"], book["b"]))
    comparing.assert_layer(workload.layers[1], Site("b", net.b, book["b"], book["b.out"]))


# --- what cannot be seen is refused, never left out


class Hidden(nn.Module):
    """A product that no operator of torch runs."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.weight, self.fire = kind, nn.Parameter(torch.randn(3, 6)), Fire()
        self.fc = linear(6, 6)

    def forward(self, x):
        x = self.fire(self.fc(x))
        if self.kind == "numpy":
            y = torch.from_numpy(x.detach().numpy() @ self.weight.detach().numpy().T)
        elif self.kind == "products and sums":
            y = (x.unsqueeze(-2) * self.weight).sum(-1)
        elif self.kind == "bilinear":
            y = F.bilinear(x, x, torch.ones(3, 6, 6))
        elif self.kind == "distance":
            y = torch.cdist(x, self.weight)
        return self.fire(y).mean(0)


@pytest.mark.parametrize("kind", ["numpy", "products and sums", "bilinear", "distance"])
def test_hidden_products_are_refused_or_their_weights_are_listed(kind):
    torch.manual_seed(11)
    net, frames = Hidden(kind), spikes(T, N, 6, seed=11)
    try:
        workload = profile(net, frames, np.zeros(N, int), layout="time-first", time="time-batch").workload
    except ConfigError:
        return
    assert any(free.name == "weight" for free in workload.free)
