"""Whole networks as users write them: converted, trained, compressed, costed and lowered."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import spareto
from conventions import peer
from spareto.converting import convert
from spareto.kernels import reference

T, B = 6, 5
EQUAL = "is the original's"


def frames(*shape, scale=4.0):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(T, B, *shape, generator=generator) * scale


def kinds(network):
    return [type(part).__name__ for part in network.parts.values()]


class Tutorial(nn.Module):
    """snnTorch's tutorials: the image is shown at every timestep, spikes and membranes are recorded."""

    def __init__(self, steps=T, inputs=16, hidden=20):
        super().__init__()
        snn = peer("snntorch")
        self.steps = steps
        self.fc1, self.lif1 = nn.Linear(inputs, hidden), snn.Leaky(beta=0.95)
        self.fc2, self.lif2 = nn.Linear(hidden, 4), snn.Leaky(beta=0.95)

    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spikes, potentials = [], []
        for _ in range(self.steps):
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            potentials.append(mem2)
        return torch.stack(spikes), torch.stack(potentials)


class Counted(Tutorial):
    """Frames over time; spikes are written into a buffer, and counted."""

    def forward(self, x):
        peer("snntorch.utils").reset(self)
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        record, total = torch.zeros(len(x), x.shape[1], 4), 0
        for t in range(len(x)):
            spk1, mem1 = self.lif1(self.fc1(x[t]), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            record[t] = spk2
            total = total + spk2
        return {"record": record, "rate": total / len(x), "last": spk2}


def jelly(name):
    return peer(f"spikingjelly.activation_based.{name}")


class Jelly(nn.Module):
    """SpikingJelly's: containers, batch norms, dropout over time, votes; the image is repeated."""

    def __init__(self):
        super().__init__()
        layer, neuron = jelly("layer"), jelly("neuron")
        self.conv = layer.SeqToANNContainer(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.fire = neuron.IFNode(surrogate_function=jelly("surrogate").ATan())
        self.head = nn.Sequential(
            *(layer.MaxPool2d(2), layer.Flatten(), layer.Dropout(0.5), layer.Linear(64, 20)),
            *(neuron.LIFNode(detach_reset=True), layer.VotingLayer(4)),
        )
        jelly("functional").set_step_mode(self, "m")

    def forward(self, x):
        x = x.unsqueeze(0).repeat(T, 1, 1, 1, 1)
        return self.head(self.fire(self.conv(x))).mean(0)


class Residual(nn.Module):
    """A spike-element-wise block between stem and head."""

    def __init__(self):
        super().__init__()
        layer, neuron = jelly("layer"), jelly("neuron")
        block = lambda inputs: nn.Sequential(  # noqa: E731
            layer.Conv2d(inputs, 4, 3, padding=1, bias=False),
            layer.BatchNorm2d(4),
            neuron.ParametricLIFNode(),
        )
        self.stem, self.body, self.head = block(2), block(4), layer.Linear(4, 3)
        jelly("functional").set_step_mode(self, "m")

    def forward(self, x):
        x = self.stem(x)
        x = x + self.body(x)
        return self.head(x.flatten(3).mean(-1)).mean(0)


@pytest.mark.parametrize("kind", ["Conv2d", "Linear"])
def test_weights_that_a_layer_computes_are_taken_as_they_are(kind):
    layer, neuron = jelly("layer"), jelly("neuron")
    sizes, shape = ((2, 4, 3), (2, 8, 8)) if kind == "Conv2d" else ((12, 9), (12,))
    torch.manual_seed(0)
    model = nn.Sequential(getattr(layer, f"WS{kind}")(*sizes), neuron.LIFNode())
    jelly("functional").set_step_mode(model, "m")
    frames = (torch.rand(T, B, *shape) < 0.4).float() * 4.0
    network = convert(model, frames)
    jelly("functional").reset_net(model)
    assert torch.equal(network(frames), model(frames))
    assert network(frames).any()
    assert any(note.startswith("'0' computes its weights") for note in network.notes)


def norse_conv():
    norse = peer("norse.torch")
    lift = norse.Lift
    return norse.SequentialState(
        *(lift(nn.Conv2d(2, 4, 3)), norse.LIF(), lift(nn.Flatten()), lift(nn.Linear(144, 4)), norse.LI())
    )


def norse_cells():
    norse = peer("norse.torch")
    return norse.SequentialState(nn.Linear(16, 12), norse.LIFCell(), norse.LILinearCell(12, 4))


def sinabs_converted():
    ann = nn.Sequential(
        *(
            nn.Conv2d(2, 4, 3, bias=False),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(36, 5),
            nn.ReLU(),
        )
    )
    return peer("sinabs.from_torch").from_model(ann, input_shape=(2, 8, 8), batch_size=B)


def sinabs_squeezed():
    layers = peer("sinabs.layers")
    fire = lambda: layers.IAFSqueeze(batch_size=B)  # noqa: E731
    return nn.Sequential(
        *(nn.Conv2d(2, 4, 3, bias=False), fire(), layers.SumPool2d(2), nn.Flatten(), nn.Linear(36, 5), fire())
    )


STATIC = {"layout": "static"}
NETWORKS = {
    "tutorial": (Tutorial, lambda: frames(16)[0], STATIC, ["Linear", "LIF", "Linear", "Potentials"]),
    "counted": (Counted, lambda: frames(16), {}, ["SpikingDense", "SpikingDense"]),
    "jelly": (Jelly, lambda: frames(1, 8, 8)[0], STATIC, ["Conv2d", "BatchNorm2d", "IAF"]),
    "residual": (Residual, lambda: frames(2, 8, 8), {}, ["SpikingBlock", "SpikingBlock", "Linear"]),
    "norse conv": (norse_conv, lambda: frames(2, 8, 8), {}, ["SpikingBlock", "Linear", "Potentials"]),
    "norse cells": (norse_cells, lambda: 9 * frames(16), {}, ["SpikingDense", "Linear", "Potentials"]),
    "sinabs squeezed": (
        sinabs_squeezed,
        lambda: frames(2, 8, 8),
        {},
        ["SpikingBlock", "AvgPool2d", "SpikingDense"],
    ),
}


def made(name):
    build, sample, options, expected = NETWORKS[name]
    torch.manual_seed(0)
    return build(), sample(), options, expected


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_equal_and_made_of_our_layers(name):
    model, sample, options, expected = made(name)
    network = convert(model, sample, **options)
    assert EQUAL in network.notes[0]
    assert kinds(network)[: len(expected)] == expected


def test_a_lower_bound_of_sinabs_is_refused_with_its_cure():
    torch.manual_seed(0)
    with pytest.raises(spareto.SparetoError, match="min_v_mem: got -1; expected None"):
        convert(sinabs_converted(), frames(2, 8, 8))


def test_outputs_keep_their_names():
    model, sample, _, _ = made("counted")
    network = convert(model, sample).eval()
    with torch.no_grad():
        ours, theirs = network(sample), model.eval()(sample)
    assert set(ours) == {"record", "rate", "last"}
    assert all(torch.equal(ours[key], theirs[key]) for key in ("record", "last"))
    torch.testing.assert_close(ours["rate"], theirs["rate"])


@pytest.mark.parametrize("name", ["tutorial", "residual", "norse conv", "sinabs squeezed"])
def test_copies_and_files_of_it_are_the_same(name):
    model, sample, options, _ = made(name)
    network = convert(model, sample, **options).eval()
    buffer = io.BytesIO()
    torch.save(network, buffer)
    buffer.seek(0)
    others = [copy.deepcopy(network), torch.load(buffer, weights_only=False)]
    frames_now = sample
    for other in others:
        got, expected = other(frames_now), network(frames_now)
        pairs = zip(
            *(value if isinstance(value, tuple) else (value,) for value in (got, expected)), strict=True
        )
        assert all(torch.equal(mine, its) for mine, its in pairs)


def test_the_cost_is_that_of_the_original():
    """Both workloads hold the same spikes, products and neurons."""
    model, sample, _, _ = made("counted")
    network = convert(model, sample)
    labels = torch.zeros(B, dtype=torch.long)
    options = {"output": "rate", "layout": "time-first"}
    before = spareto.profile(model, sample, labels, **options).workload
    after = spareto.profile(network, sample, labels, **options).workload
    for mine, its in zip(after.layers, before.layers, strict=True):
        for name in ("out_channels", "neuron", "effectual_synops_mean", "input", "output"):
            assert getattr(mine, name) == getattr(its, name), name


def test_it_trains_as_the_original():
    """Losses of eight steps of gradient descent, with weights that start equal."""
    model, sample, _, _ = made("tutorial")
    network = convert(model, sample, layout="static")
    labels = torch.tensor([0, 1, 2, 3, 0])
    losses = [curve(each, sample, labels) for each in (model, network)]
    assert losses[0][-1] < losses[0][0]
    torch.testing.assert_close(torch.tensor(losses[1]), torch.tensor(losses[0]), rtol=1e-4, atol=1e-5)


def curve(network, sample, labels):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        peer("snntorch.utils").reset(network)
        _, potentials = network(sample)
        loss = sum(F.cross_entropy(now, labels) for now in potentials)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def chain():
    """A SpikingJelly network that is a chain of convolutions and dense layers."""
    layer, neuron, surrogate = jelly("layer"), jelly("neuron"), jelly("surrogate")
    fire = lambda: neuron.LIFNode(surrogate_function=surrogate.ATan(), detach_reset=True)  # noqa: E731
    net = nn.Sequential(
        *(layer.Conv2d(2, 4, 3, padding=1, bias=False), layer.BatchNorm2d(4), fire(), layer.MaxPool2d(2)),
        *(layer.Flatten(), layer.Linear(64, 6, bias=False), fire()),
    )
    jelly("functional").set_step_mode(net, "m")
    return net


def test_it_is_compressed_and_lowered_to_integers():
    torch.manual_seed(0)
    sample = (frames(2, 8, 8) > 2).float()
    network = convert(chain(), sample).eval()
    small = spareto.compress(network, spareto.recipes.quantize(bits=4))
    lowered = spareto.lower(small.sequential(), sensor=(2, 8, 8), classes=3)
    assert len(lowered.network.nodes) == 3
    with torch.no_grad(), reference():
        assert small(sample).shape == (T, B, 6)
