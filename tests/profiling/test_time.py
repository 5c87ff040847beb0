"""Every form of time: which calls are timesteps and which axes are time and samples, held to the twin."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from profiling import comparing
from profiling.book import Site
from profiling.noting import Fire, Noting, found, linear, spikes, written
from profiling.twin import Weights
from spareto.core.errors import ConfigError
from spareto.profiling import profile

# --- tokens, windows and heads beside time and samples


class Tokens(Noting):
    """A dense layer over `(T, B, tokens, F)` or the like; the mean over all but samples is the answer."""

    def __init__(self, order, features=6):
        super().__init__()
        self.order, self.fc, self.fire = order, linear(features, 4), Fire()

    def forward(self, x):  # (T, B, N, F)
        time, samples, tokens, _ = x.shape
        self.note("in", x, "TB")
        turned = {
            "T B N": lambda: x,
            "B T N": lambda: x.transpose(0, 1),
            "N T B": lambda: x.permute(2, 0, 1, 3),
            "T*B N": lambda: x.flatten(0, 1),
            "B*T N": lambda: x.transpose(0, 1).flatten(0, 1),
            "T*B*N": lambda: x.flatten(0, 2),
            "B*T*N": lambda: x.transpose(0, 1).flatten(0, 2),
            "N*T*B": lambda: x.permute(2, 0, 1, 3).flatten(0, 2),
            "B*N*T": lambda: x.permute(1, 2, 0, 3).flatten(0, 2),
            "B T*N": lambda: x.transpose(0, 1).flatten(1, 2),
            "T B*N": lambda: x.flatten(1, 2),
            "T*N B": lambda: x.transpose(1, 2).flatten(0, 1),
        }[self.order]()
        y = self.fc(turned)
        back = {
            "T B N": lambda: y,
            "B T N": lambda: y.transpose(0, 1),
            "N T B": lambda: y.permute(1, 2, 0, 3),
            "T*B N": lambda: y.unflatten(0, (time, samples)),
            "B*T N": lambda: y.unflatten(0, (samples, time)).transpose(0, 1),
            "T*B*N": lambda: y.unflatten(0, (time, samples, tokens)),
            "B*T*N": lambda: y.unflatten(0, (samples, time, tokens)).transpose(0, 1),
            "N*T*B": lambda: y.unflatten(0, (tokens, time, samples)).permute(1, 2, 0, 3),
            "B*N*T": lambda: y.unflatten(0, (samples, tokens, time)).permute(2, 0, 1, 3),
            "B T*N": lambda: y.unflatten(1, (time, tokens)).transpose(0, 1),
            "T B*N": lambda: y.unflatten(1, (samples, tokens)),
            "T*N B": lambda: y.unflatten(0, (time, tokens)).transpose(1, 2),
        }[self.order]()
        out = self.note("out", self.fire(back), "TB")
        return out.mean((0, 2))


ORDERS = ("T B N", "B T N", "N T B", "T*B N", "B*T N", "T*B*N", "B*T*N", "N*T*B", "B*N*T", "B T*N", "T B*N")


@pytest.mark.parametrize("order", [*ORDERS, "T*N B"])
@pytest.mark.parametrize(
    "sizes", [(3, 5, 4), (4, 5, 4), (4, 4, 5), (3, 4, 4), (2, 2, 2), (5, 3, 1), (1, 4, 3)]
)
def test_tokens_beside_time_and_samples(order, sizes):
    """Sizes are (timesteps, samples, tokens): equal ones are told apart too."""
    time, samples, tokens = sizes
    torch.manual_seed(1)
    net, frames = Tokens(order), spikes(time, samples, tokens, 6, seed=1)
    book = written(net, frames)
    site = Site("fc", net.fc, book["in"], book["out"], places=1, out_places=1)
    options = {"layout": "time-first", "time": "time-batch"}
    workload = found(net, frames, samples, **options)
    (layer,) = workload.layers
    if layer.output.nonzero_by_channel is None:  # two axes are as long, and one was turned
        assert tokens == 4
        assert order not in ("T B N", "T*B N", "T*B*N", "T B*N")
        layer = layer.model_copy(update={"output": _with_channels(layer.output, book["out"])})
    comparing.assert_layer(layer, site)
    for size in (1, 2):
        assert found(net, frames, samples, batch_size=size, **options) == workload


def _with_channels(tensor, emitted):
    from spareto.records import Numbers

    by_channel = (emitted != 0).sum((1, 2)) / emitted.shape[1]
    return tensor.model_copy(update={"nonzero_by_channel": Numbers.of(by_channel)})


# --- loops


class Loop(Noting):
    """A loop over timesteps, written in several ways."""

    def __init__(self, kind, width=5):
        super().__init__()
        self.kind, self.width = kind, width
        self.fc1, self.fc2, self.fire = linear(width, width), linear(width, 3), Fire()

    def one(self, x):
        return self.note("out1", self.fire(self.fc1(self.note("in1", x))))

    def two(self, x):
        return self.note("out2", self.fire(self.fc2(self.note("in2", x))))

    def forward(self, x):
        return getattr(self, self.kind)(x)

    def comprehension(self, x):
        return torch.stack([self.two(self.one(now)) for now in x]).mean(0)

    def first_unrolled(self, x):
        total = self.two(self.one(x[0]))
        for now in x[1:]:
            total = total + self.two(self.one(now))
        return total

    def written_into(self, x):
        hidden = torch.zeros(*x.shape[:2], self.width)
        for step, now in enumerate(x):
            hidden[step] = self.one(now)
        output = torch.zeros(*x.shape[:2], 3)
        for step in range(len(x)):
            output[step].copy_(self.two(hidden[step]))
        return output.mean(0)

    def layer_by_layer(self, x):
        hidden = torch.stack([self.one(now) for now in x])
        return torch.stack([self.two(now) for now in hidden]).mean(0)

    def layer_before_the_loop(self, x):
        currents = self.fc1(self.note("in1", x, "TB"))
        hidden = [self.note("out1", self.fire(current)) for current in currents]
        return torch.stack([self.two(now) for now in hidden]).mean(0)

    def backwards(self, x):
        return torch.stack([self.two(self.one(now)) for now in x.flip(0)]).mean(0)

    def sliced(self, x):
        return sum(self.two(self.one(x[step : step + 1]).squeeze(0)) for step in range(len(x)))


KINDS = ("comprehension", "first_unrolled", "written_into", "layer_by_layer", "layer_before_the_loop")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(4, 3, 6), (3, 3, 3), (5, 2, 5), (3, 4, 3)])
def test_loops(kind, sizes):
    time, samples, width = sizes
    torch.manual_seed(2)
    net, frames = Loop(kind, width), spikes(time, samples, width, seed=2)
    book = written(net, frames)
    sites = [
        Site("fc1", net.fc1, book["in1"], book["out1"]),
        Site("fc2", net.fc2, book["in2"], book["out2"]),
    ]
    workload = found(net, frames, samples, layout="time-first", time="time-batch")
    comparing.assert_equal(workload, sites)
    for size in (1, 2):
        assert (
            found(net, frames, samples, layout="time-first", time="time-batch", batch_size=size) == workload
        )


class Shared(Noting):
    """One layer is used twice a timestep."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.fc, self.out, self.fire = kind, linear(6, 6), linear(6, 3), Fire()

    def use(self, name, x):
        return self.note(f"{name}.out", self.fire(self.fc(self.note(f"{name}.in", x))))

    def forward(self, x):
        if self.kind == "in one timestep":
            hidden = [self.use("b", self.use("a", now)) for now in x]
        elif self.kind == "twice in a row":
            hidden = []
            for now in x:
                for name in ("a", "b"):
                    now = self.use(name, now)
                hidden.append(now)
        else:
            first = torch.stack([self.use("a", now) for now in x])
            hidden = [self.use("b", now) for now in first]
        return torch.stack([self.fire(self.out(self.note("out.in", now))) for now in hidden]).mean(0)


@pytest.mark.parametrize("kind", ["in one timestep", "twice in a row", "layer by layer"])
def test_several_calls_a_timestep_are_told_apart(kind):
    torch.manual_seed(3)
    net, frames = Shared(kind), spikes(4, 5, 6, seed=3)
    book = written(net, frames)
    workload = found(net, frames, 5, layout="time-first", time="time-batch")
    layers = {layer.name: layer for layer in workload.layers}
    assert list(layers) == ["fc", "fc#2", "out"]
    assert (layers["fc"].shares, layers["fc#2"].shares) == (None, "fc")
    comparing.assert_layer(layers["fc"], Site("fc", net.fc, book["a.in"], book["a.out"]))
    comparing.assert_layer(layers["fc#2"], Site("fc#2", net.fc, book["b.in"], book["b.out"]))


class Feedback(Noting):
    """Spikes come back from the timestep before; the first timestep is written in several ways."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.fc, self.back, self.fire = kind, linear(6, 5), linear(5, 5), Fire()
        self.register_buffer("blank", torch.zeros(1))

    def forward(self, x):
        last = {
            "none": lambda: None,
            "zeros": lambda: torch.zeros(x.shape[1], 5),
            "zeros like": lambda: torch.zeros_like(x[0][:, :5]),
            "new zeros": lambda: x.new_zeros(x.shape[1], 5),
            "a buffer": lambda: self.blank.expand(x.shape[1], 5),
        }[self.kind]()
        outputs = []
        for now in x:
            current = self.fc(self.note("fc.in", now))
            if last is not None:
                current = current + self.back(self.note("back.in", last))
            last = self.note("out", self.fire(current))
            outputs.append(last)
        return torch.stack(outputs).mean(0)


@pytest.mark.parametrize("kind", ["none", "zeros", "zeros like", "new zeros", "a buffer"])
def test_feedback_begins_with_zeros_or_nothing(kind):
    torch.manual_seed(4)
    net, frames = Feedback(kind), spikes(4, 5, 6, seed=4)
    book = written(net, frames)
    workload = found(net, frames, 5, layout="time-first", time="time-batch")
    back = book["back.in"]
    back = np.concatenate([np.zeros((4 - len(back), *back.shape[1:])), back])
    comparing.assert_equal(
        workload, [Site("fc", net.fc, book["fc.in"], book["out"]), Site("back", net.back, back)]
    )
    assert workload.layers[1].note == "Its neurons are charged to 'fc'."


# --- asked for by name, never guessed


class Either(Noting):
    """Runs on `(T, B, F)` as on `(B, T, F)`, and gives an answer over all of it."""

    def __init__(self):
        super().__init__()
        self.fc, self.fire = linear(6, 3), Fire()

    def forward(self, x):
        return self.fire(self.fc(x))


def test_what_cannot_be_proven_is_asked_for_by_name():
    torch.manual_seed(5)
    net, frames = Either(), spikes(4, 5, 6)
    with pytest.raises(ConfigError, match='Say time="calls", "time-batch" or "batch-time"'):
        profile(net, frames, np.zeros(5, int), vote="sum")
    answers = {
        time: found(net, frames, 5, time=time, vote="sum") for time in ("calls", "time-batch", "batch-time")
    }
    counts = {time: workload.model_copy(update={"notes": ()}) for time, workload in answers.items()}
    assert counts["calls"] == counts["time-batch"] == counts["batch-time"]


class Alternating(Noting):
    """Calls of a layer follow no order of timesteps."""

    def __init__(self):
        super().__init__()
        self.fc, self.out, self.fire = linear(6, 6), linear(6, 3), Fire()

    def forward(self, x):
        hidden = []
        for step, now in enumerate(x):
            now = self.fire(self.fc(now))
            hidden.append(self.fire(self.fc(now)) if step % 2 else now)
        return torch.stack([self.fire(self.out(now)) for now in hidden]).mean(0)


def test_calls_in_no_order_are_refused_by_name():
    with pytest.raises(ConfigError, match="fc"):
        found(Alternating(), spikes(4, 5, 6), 5, layout="time-first", time="time-batch")


class Chooses(Noting):
    """Which layer runs depends on the data."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.fire = linear(6, 3), linear(6, 3), Fire()

    def forward(self, x):
        return sum(self.fire(self.a(now) if now.sum() > 10 else self.b(now)) for now in x)


def test_control_flow_that_depends_on_the_data_is_refused():
    with pytest.raises(ConfigError):
        found(Chooses(), spikes(4, 9, 6, density=0.3), 9, time="time-batch", batch_size=4)


@pytest.mark.parametrize("way", ["silent at first", "in another batch"])
def test_samples_that_stand_where_zeros_hid_them_are_refused_not_guessed(way):
    """Heads and samples are merged in one axis, and the first samples give nothing but zeros there."""

    class Heads(Noting):
        def __init__(self):
            super().__init__()
            self.fc, self.fire = linear(3, 3), Fire()

        def forward(self, x):
            time, samples, _ = x.shape
            heads = x.reshape(time, samples, 2, 3).permute(0, 2, 1, 3).reshape(time, 2 * samples, 3)
            late = (heads.sum(-1, keepdim=True) >= 3).to(x.dtype) * heads
            y = self.fire(self.fc(late)).reshape(time, 2, samples, 3)
            return y.sum((0, 1))

    frames = np.zeros((3, 80, 6), np.float32)
    frames[:, :70, 0] = 1
    frames[:, 75:, :] = 1
    with pytest.raises(ConfigError, match="told apart"):
        found(
            Heads(), frames, 80, time="time-batch", layout="time-first", batch_size=80 if way[0] == "s" else 9
        )


def test_a_layer_that_runs_once_an_inference_counts_once():
    class Once(Noting):
        def __init__(self):
            super().__init__()
            self.embed, self.fc, self.fire = linear(6, 5), linear(5, 3), Fire()

        def forward(self, x):
            context = self.note("out", self.fire(self.embed(self.note("in", x.sum(0)))))
            return sum(self.fire(self.fc(self.note("fc.in", context * now[:, :1]))) for now in x)

    torch.manual_seed(6)
    net, frames = Once(), spikes(4, 5, 6, seed=6)
    book = written(net, frames)
    workload = found(net, frames, 5, layout="time-first", time="time-batch")
    comparing.assert_layer(workload.layers[0], Site("embed", net.embed, book["in"], book["out"]))
    assert (workload.layers[0].timesteps, workload.layers[1].timesteps) == (1, 4)


def test_weights_that_are_slices_of_one_parameter_are_layers_of_their_own():
    class Sliced(Noting):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(10, 6))
            self.fire = Fire()

        def forward(self, x):
            first = self.fire(F.linear(self.note("a", x, "TB"), self.weight[:6]))
            return self.fire(F.linear(self.note("b", first, "TB"), self.weight[6:])).mean(0)

    torch.manual_seed(8)
    net, frames = Sliced(), spikes(4, 5, 6, seed=8)
    book = written(net, frames)
    workload = found(net, frames, 5, layout="time-first", time="time-batch")
    parts = net.weight.detach().numpy()
    comparing.assert_layer(workload.layers[0], Site("", Weights(parts[:6]), book["a"], book["b"]))
    assert [layer.shares for layer in workload.layers] == [None, None]
    assert sum(layer.weight_count for layer in workload.layers) == 60
