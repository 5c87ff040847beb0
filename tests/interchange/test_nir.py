"""NIR, both ways: what strict mode accepts comes back exactly, and the graph alone gives the same spikes."""

import numpy as np
import pytest
import torch
from torch import nn

import spareto
from conventions import peer
from spareto.core.errors import ConfigError, SparetoError, StoreError
from spareto.kernels import dense
from spareto.layers.over_time import OverTime
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry

nir = pytest.importorskip("nir")
T, B, DT = 12, 5, 1e-4


def frames():
    return (torch.rand(T, B, 2, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.4).float()


def chain(*neurons):
    """Convolution, pooling, batch norm and dense layers; weights are short binary fractions."""
    torch.manual_seed(0)
    first, second, last = neurons
    network = nn.Sequential(
        SpikingBlock(nn.Conv2d(2, 4, 3, padding=1), None, first, nn.AvgPool2d(2)),
        SpikingBlock(nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), second, nn.AvgPool2d(2)),
        OverTime(nn.Dropout(0.2)),
        SpikingDense(nn.Linear(24, 10), last),
    )
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.round(parameter * 400) / 16)
    return network.eval()


def thrice(name, **options):
    return chain(*(registry.make(name, **options) for _ in range(3)))


def written(network, path, **options):
    return spareto.export_to(network, "nir", path, dt=DT, sensor=(2, 8, 8), **options)


def bare(path):
    """The graph of a file without what is ours in it."""
    graph = nir.read(path)
    graph.metadata = {}
    return graph


STRICT = [
    ("lif", {"beta": 0.75, "strict": True}),
    ("lif", {"tau": 2.0}),
    ("lif", {"beta": 0.5, "gain": 1.0, "v_threshold": 1.5}),
    ("lif", {"beta": 0.0}),
    ("iaf", {"gain": 0.5}),
    ("plif", {"tau": 4.0}),
    ("synaptic", {"alpha": 0.5, "beta": 0.75, "gain": 0.5}),
]


@pytest.mark.parametrize(("name", "options"), STRICT)
def test_what_strict_mode_accepts_comes_back_exactly(name, options, tmp_path):
    network, x = thrice(name, **options), frames()
    told = written(network, tmp_path / "a.nir")
    assert told.losses == ()
    back = spareto.convert(tmp_path / "a.nir", x)
    with torch.no_grad():
        expected = dense(network(x))
        assert expected.any()
        assert torch.equal(back(x), expected)
        state, mine = back.state_dict(), network.state_dict()
        assert [v.tolist() for k, v in state.items()] == [v.tolist() for v in mine.values()]
        alone = spareto.convert(bare(tmp_path / "a.nir"), x, dt=DT, reset="zero")
        close = (alone(x) - expected).abs().sum() / expected.sum()
    assert "is the original's" in alone.notes[-1]  # by the slow twin
    assert float(close) < 0.002  # a batch norm is folded in the graph, which rounds


def test_recurrent_layers_are_loops_of_nodes(tmp_path):
    neurons = [registry.make("lif", beta=0.75) for _ in range(2)]
    network = chain(*neurons, registry.make("recurrent", features=10, bias=True, beta=0.5))
    with torch.no_grad():
        network[-1].neuron.linear.bias.add_(0.75)  # large enough to be seen at the first timestep
    written(network, tmp_path / "a.nir")
    graph, x = bare(tmp_path / "a.nir"), frames()
    loops = [(a, b) for a, b in graph.edges if (b, a) in graph.edges]
    assert len(loops) == 2
    alone = spareto.convert(graph, x, dt=DT, reset="zero")
    assert type(alone.parts["layer_3_linear"].neuron).__name__ == "Recurrent"
    assert "is the original's" in alone.notes[-1]


def test_sums_of_signals_are_edges_that_meet(tmp_path):
    """A converted residual network, whose sum feeds a dense layer."""
    base = "spikingjelly.activation_based"
    layer, neuron = peer(f"{base}.layer"), peer(f"{base}.neuron")

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            parts = (layer.Linear(16, 8), layer.Linear(8, 8), layer.Linear(8, 4))
            self.a, self.b, self.c = (nn.Sequential(part, neuron.LIFNode(tau=2.0)) for part in parts)
            peer(f"{base}.functional").set_step_mode(self, "m")

        def forward(self, x):
            x = self.a(x)
            return self.c(self.b(x) + x)

    model, x = Sum(), (torch.rand(T, B, 16, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.round(parameter * 96) / 16)
    network = spareto.convert(model, x).eval()
    spareto.export_to(network, "nir", tmp_path / "a.nir", dt=DT)
    graph = bare(tmp_path / "a.nir")
    meeting = [b for _, b in graph.edges]
    assert max(meeting.count(name) for name in meeting) == 2
    with torch.no_grad():
        expected = network(x)
        assert expected.any()
        assert torch.equal(spareto.convert(graph, x, dt=DT, reset="zero")(x), expected)


REFUSED = [
    ("lif", {"reset": "subtract"}, "reset 'subtract'"),
    ("lif", {"reset": "subtract_delayed"}, "reset 'subtract_delayed'"),
    ("lif", {"reset": "none"}, "reset 'none'"),
    ("synaptic", {"reset": "zero_delayed"}, "reset 'zero_delayed'"),
    ("multi_spike", {"neuron": "iaf"}, "counts"),
    ("lif", {"v_leak": 0.25}, "starts at 0.25"),
]


@pytest.mark.parametrize(("name", "options", "got"), REFUSED)
def test_what_nir_cannot_say_is_refused_or_named(name, options, got, tmp_path):
    network, x = thrice(name, **options), frames()
    with pytest.raises(ConfigError, match=got) as caught:
        written(network, tmp_path / "a.nir")
    assert len(caught.value.problems) >= 3  # each layer
    assert all("lossy=True" in problem.cure for problem in caught.value.problems[:1])
    assert not (tmp_path / "a.nir").exists()
    told = written(network, tmp_path / "a.nir", lossy=True)
    assert any(got.split()[0] in loss for loss in told.losses)
    assert len(told.losses) >= 3
    with torch.no_grad():  # the description still has it
        assert torch.equal(spareto.convert(tmp_path / "a.nir")(x), dense(network(x)))


@pytest.mark.parametrize("change", ["weight", "edge"])
def test_a_graph_that_was_changed_is_taken_as_it_is(change, tmp_path):
    written(thrice("lif", beta=0.75), tmp_path / "a.nir")
    graph = nir.read(tmp_path / "a.nir")
    if change == "weight":
        graph.nodes["layer_3_linear"].weight[:] = 0
    else:
        graph.nodes["more"] = nir.Scale(np.full(10, 2.0))
        graph.edges += [("layer_3_neuron", "more"), ("more", "output")]
    back = spareto.convert(graph, frames(), dt=DT, reset="zero")
    assert any("was changed after spareto wrote it" in note for note in back.notes)


def test_compressed_weights_ride_along_as_codes(tmp_path):
    small = spareto.compress(thrice("lif", beta=0.75), spareto.recipes.joint(bits=4, sparsity=0.5)).eval()
    written(small, tmp_path / "a.nir")
    carried = nir.read(tmp_path / "a.nir").metadata["spareto"]["tensors"]
    codes = {name: value for name, value in carried.items() if name.endswith(".codes")}
    assert len(codes) == 3
    assert all(np.abs(value).max() <= 8 and value.dtype == np.int8 for value in codes.values())
    back = spareto.convert(tmp_path / "a.nir")
    with torch.no_grad():
        assert torch.equal(back(frames()), dense(small(frames())))
    lowered = spareto.lower(back.sequential(), sensor=(2, 8, 8), classes=10).network
    assert [layer.synapses.bits for layer in lowered.nodes if hasattr(layer, "synapses")] == [4, 4, 4]


def test_max_pooling_and_attention_are_refused_by_name(tmp_path):
    options = {"sensor": (2, 8, 8), "classes": 3, "channels": (4, 6)}
    network = spareto.networks.registry.make("conv", **options)
    with pytest.raises(ConfigError, match=r"'features_0_pool': got MaxPool2d") as caught:
        spareto.export_to(network, "nir", tmp_path / "a.nir", dt=DT)
    assert "AvgPool2d" in str(caught.value)


def test_what_is_missing_is_asked_for(tmp_path):
    network = thrice("lif", beta=0.75)
    with pytest.raises(ConfigError, match=r"^dt: got nothing"):
        spareto.export_to(network, "nir", tmp_path / "a.nir", sensor=(2, 8, 8))
    with pytest.raises(ConfigError, match=r"^sensor: got nothing"):
        spareto.export_to(network, "nir", tmp_path / "a.nir", dt=DT)
    with pytest.raises(SparetoError, match="lossy, sensor"):
        spareto.export_to(network, "nir", tmp_path / "a.nir", dt=DT, losy=True)
    written(network, tmp_path / "a.nir")
    with pytest.raises(ConfigError, match=r"dt: got nothing"):
        spareto.convert(bare(tmp_path / "a.nir"))
    if not hasattr(nir.LIF(*[np.ones(1)] * 4), "v_reset"):
        with pytest.raises(ConfigError, match="what a spike does"):
            spareto.convert(bare(tmp_path / "a.nir"), dt=DT)
    with pytest.raises(ConfigError, match="no such file"):
        spareto.convert(tmp_path / "b.onnx")
    (tmp_path / "c.nir").write_bytes(b"nothing")
    with pytest.raises(StoreError, match="unreadable file"):
        spareto.convert(tmp_path / "c.nir", dt=DT)
