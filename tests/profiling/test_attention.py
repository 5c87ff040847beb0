"""Products of two activations, and the layers of torch that hold several products."""

import numpy as np
import pytest
import torch
from torch import nn

from profiling import comparing
from profiling.noting import Fire, Noting, found, linear, spikes, written

T, N = 3, 4


class Attends(Noting):
    """Spiking attention with heads, in both orders, scaled, in several spellings."""

    def __init__(self, kind, heads=2, width=3):
        super().__init__()
        self.kind, self.heads, self.width, self.fire = kind, heads, width, Fire()
        self.q, self.k, self.v = (linear(6, heads * width) for _ in range(3))
        self.out = linear(heads * width, 3)

    def split(self, name, x):
        y = self.fire(getattr(self, name)(x))  # (T, B, N, heads * width)
        y = y.unflatten(-1, (self.heads, self.width)).transpose(2, 3)  # (T, B, heads, N, width)
        return self.note(name, y, "TB")

    def forward(self, x):
        q, k, v = (self.split(name, x) for name in "qkv")
        if self.kind == "values first":
            inner = self.note("kv", k.transpose(-1, -2) @ v, "TB")
            y = q @ inner
        elif self.kind == "einsum":
            scores = self.note("qk", torch.einsum("tbhnd,tbhmd->tbhnm", q, k), "TB")
            y = torch.einsum("tbhnm,tbhmd->tbhnd", scores, v)
        else:
            if self.kind == "merged":
                scores = torch.bmm(q.flatten(0, 2), k.flatten(0, 2).mT).unflatten(0, q.shape[:3])
            else:
                scores = q @ k.transpose(-1, -2)
            if self.kind == "spiking scores":
                scores = self.fire(scores * 0.3)
            self.note("qk", scores, "TB")
            y = scores @ v
        y = self.fire(y * 0.25).transpose(2, 3).flatten(3)
        return self.fire(self.out(y)).mean((0, 2))


@pytest.mark.parametrize("kind", ["scores first", "values first", "spiking scores", "einsum", "merged"])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (2, 2, 2), (4, 4, 4)])
def test_products_of_two_activations(kind, sizes):
    time, samples, tokens = sizes
    torch.manual_seed(8)
    net, frames = Attends(kind), spikes(time, samples, tokens, 6, seed=8)
    book = written(net, frames)
    if kind == "values first":
        pairs = [(book["k"].swapaxes(-1, -2), book["v"]), (book["q"], book["kv"])]
    else:
        pairs = [(book["q"], book["k"].swapaxes(-1, -2)), (book["qk"], book["v"])]
    options = {"layout": "time-first", "time": "time-batch"}
    workload = found(net, frames, samples, **options)
    expected = sorted(comparing._pair(*pair) for pair in pairs)
    assert sorted((p.effectual_mean, p.effectual_max, p.operation) for p in workload.products) == expected
    assert all((p.repeats, p.timesteps) == (2, time) for p in workload.products)
    assert found(net, frames, samples, batch_size=1, **options) == workload


def test_torchs_attention_counts_its_projections_and_its_products():
    class Multi(Noting):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 2, bias=False, batch_first=True)
            self.out, self.fire = linear(6, 3), Fire()

        def forward(self, x):  # (T, B, N, F)
            y = [self.attention(now, now, now, need_weights=False)[0] for now in x]
            return torch.stack([self.fire(self.out(self.fire(each))) for each in y]).mean((0, 2))

    torch.manual_seed(9)
    net, frames = Multi(), spikes(T, N, 5, 6, seed=9)
    workload = found(net, frames, N, layout="time-first", time="time-batch")
    assert sum(layer.weight_count for layer in workload.layers) == 3 * 36 + 36 + 18
    live = (net.attention.in_proj_weight != 0).sum(0).numpy()
    entering = (frames != 0).reshape(T, N, -1, 6).sum((0, 2)) @ live
    projections = [layer for layer in workload.layers if "in_proj" in layer.name]
    assert sum(layer.effectual_synops_mean for layer in projections) == entering.mean()
    assert [product.operation for product in workload.products] == ["multiply", "multiply"]


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_layers_of_torch_are_counted_step_by_step(kind, layers):
    if kind.endswith("Cell") and layers == 2:
        pytest.skip("a cell has one layer")

    class Runs(Noting):
        def __init__(self):
            super().__init__()
            more = {} if kind.endswith("Cell") else {"num_layers": layers}
            self.rnn, self.out, self.fire = getattr(nn, kind)(6, 5, **more), linear(5, 3), Fire()

        def forward(self, x):
            self.note("in", x, "TB")
            if kind.endswith("Cell"):
                state, hidden = None, []
                for now in x:
                    state = self.rnn(now, state)
                    hidden.append(state[0] if isinstance(state, tuple) else state)
                hidden = torch.stack(hidden)
            else:
                hidden, _ = self.rnn(x)
            self.note("hidden", hidden, "TB")
            return self.fire(self.out(self.fire(hidden))).mean(0)

    torch.manual_seed(10)
    net, frames = Runs(), spikes(T, N, 6, seed=10)
    book = written(net, frames)
    workload = found(net, frames, N, layout="time-first", time="time-batch")
    counts = {layer.name: layer.effectual_synops_mean for layer in workload.layers}
    gates = {"L": 4, "G": 3, "R": 1}[kind[0]]
    entering = (book["in"] != 0).sum((0, 2)) * gates * 5
    before = np.concatenate([np.zeros_like(book["hidden"][:1]), book["hidden"][:-1]])
    inner = [name for name in counts if name.startswith("rnn")]
    assert len(inner) == 2 * layers
    first = next(name for name in inner if "ih" in name)
    assert counts[first] == entering.mean()
    if layers == 1:
        back = next(name for name in inner if "hh" in name)
        assert counts[back] == ((before != 0).sum((0, 2)) * gates * 5).mean()
