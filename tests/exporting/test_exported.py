"""Networks written for other frameworks: their code runs there, and gives the same spikes."""

import importlib.util
import warnings

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import spareto
from conventions import peer
from spareto.converting import convert
from spareto.core.errors import SparetoError
from spareto.kernels import dense, reference
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry

PACKAGES = {
    "snntorch": "snntorch",
    "spikingjelly": "spikingjelly",
    "norse": "norse.torch",
    "sinabs": "sinabs",
}
T, B = 8, 6


def loaded(files):
    """The exported network, by its own code."""
    spec = importlib.util.spec_from_file_location("exported", files.code)
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
        return module.load()


def frames(seed=1, samples=B):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(T, samples, 2, 8, 8, generator=generator) < 0.4).float()


def chain(*neurons):
    """Convolution, pooling, batch norm and dense layers; weights are short binary fractions."""
    torch.manual_seed(0)
    first, second, last = neurons
    network = nn.Sequential(
        SpikingBlock(nn.Conv2d(2, 4, 3, padding=1), None, first, nn.MaxPool2d(2)),
        SpikingBlock(nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), second, nn.AvgPool2d(2)),
        SpikingDense(nn.Linear(24, 10), last),
    )
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                strength = 8 if parameter.dim() == 2 else 5
                parameter.copy_(torch.round(parameter * strength / gain_of(first) * 16) / 16)
    return network.eval()


def gain_of(neuron):
    """Factor of its input; neurons that scale it need stronger weights."""
    dynamics = getattr(neuron, "neuron", neuron).dynamics()
    return float(torch.as_tensor(dynamics.gain).detach())


def check(network, framework, folder, samples=100):
    """A hundred inputs; what comes out has to be equal."""
    peer(PACKAGES[framework])
    other = loaded(spareto.export_to(network, framework, folder))
    x = frames(seed=2, samples=samples)
    with torch.no_grad(), reference(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = dense(network(x)), other(x)
    assert 0.005 < float((ours > 0).float().mean()) < 0.995
    differ = int((ours != theirs).sum())
    assert differ == 0, f"{differ} of {ours.numel()} differ"


def thrice(name, **options):
    return lambda: chain(*(registry.make(name, **options) for _ in range(3)))


DELAYED = {"beta": 0.75, "gain": 1.0, "reset": "subtract_delayed", "strict": True}
CASES = [
    ("snntorch", thrice("lif", **DELAYED)),
    ("snntorch", thrice("lif", beta=0.75, gain=0.5)),
    ("snntorch", thrice("lif", beta=0.75, gain=1.0, strict=True, surrogate="fast_sigmoid")),
    ("snntorch", thrice("iaf", reset="subtract_delayed", strict=True)),
    ("snntorch", thrice("synaptic", alpha=0.5, beta=0.75, gain=1.0, reset="subtract_delayed", strict=True)),
    ("snntorch", thrice("plif", tau=2.0)),
    ("spikingjelly", thrice("lif", tau=2.0)),
    ("spikingjelly", thrice("lif", tau=4.0, gain=1.0, reset="subtract", surrogate="sigmoid")),
    ("spikingjelly", thrice("lif", tau=2.0, gain=0.75, strict=True)),
    ("spikingjelly", thrice("lif", tau=2.0, reset="value", v_reset=-0.5, v_leak=-0.5)),
    ("spikingjelly", thrice("iaf", reset="subtract")),
    ("spikingjelly", thrice("plif", tau=2.0)),
    ("norse", thrice("lif", beta=0.75, strict=True)),
    ("norse", thrice("lif", beta=0.75, gain=0.5, reset="subtract", strict=True)),
    ("norse", thrice("lif", beta=0.75)),
    ("norse", thrice("synaptic", alpha=0.5, beta=0.75, gain=0.5)),
    ("sinabs", thrice("lif", tau=5.0, decay="exponential", gain=1.0, reset="subtract")),
    ("sinabs", thrice("iaf", reset="subtract", surrogate="exponential")),
    ("sinabs", thrice("iaf", reset="zero", strict=True)),
    ("sinabs", thrice("multi_spike", neuron="iaf")),
    ("sinabs", thrice("multi_spike", neuron="lif", most=2, tau=5.0, decay="exponential", gain=1.0)),
    ("sinabs", thrice("synaptic", tau=5.0, tau_syn=3.0, decay="exponential", gain=1.0, reset="subtract")),
]


@pytest.mark.parametrize(("framework", "build"), CASES)
def test_every_neuron_gives_the_same_spikes(framework, build, tmp_path):
    check(build(), framework, tmp_path)


@pytest.mark.parametrize("framework", PACKAGES)
def test_recurrent_layers(framework, tmp_path):
    options = {
        "snntorch": DELAYED,
        "norse": {"beta": 0.75},
        "sinabs": {"beta": 0.75, "reset": "subtract", "gain": 1.0},
    }
    neurons = [registry.make("lif", **options.get(framework, {"tau": 2.0, "gain": 0.75})) for _ in range(2)]
    own = options.get(framework, {"tau": 2.0})
    check(chain(*neurons, registry.make("recurrent", features=10, bias=True, **own)), framework, tmp_path)


@pytest.mark.parametrize("framework", PACKAGES)
def test_compressed_weights_arrive_quantized_and_masked(framework, tmp_path):
    """The study's kind of network, 4 bits and half of it pruned."""
    peer(PACKAGES[framework])
    torch.manual_seed(0)
    neuron = {"name": "lif", "tau": 2.0}
    network = spareto.networks.registry.make(
        "conv", sensor=(2, 8, 8), classes=3, channels=(4, 6), neuron=neuron
    )
    small = spareto.compress(network, spareto.recipes.joint(bits=4, sparsity=0.5)).eval()
    files = spareto.export_to(small, framework, tmp_path)
    kept = load_file(files.weights)
    weights = [value for name, value in kept.items() if value.dim() > 1]
    assert weights
    assert all(len(value.unique()) <= 16 for value in weights)
    zeros = sum(int((value == 0).sum()) for value in weights)
    assert zeros >= 0.5 * sum(value.numel() for value in weights) - 1
    x = frames()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.testing.assert_close(loaded(files)(x), small(x))


def test_from_one_framework_through_ours_to_another(tmp_path):
    """SpikingJelly, converted, exported to Norse; residual sums come along."""
    peer("norse.torch")
    base = "spikingjelly.activation_based"
    layer, neuron = peer(f"{base}.layer"), peer(f"{base}.neuron")

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.stem = nn.Sequential(
                layer.Conv2d(2, 4, 3, padding=1, step_mode="m"), neuron.LIFNode(step_mode="m")
            )
            self.body = nn.Sequential(
                layer.Conv2d(4, 4, 3, padding=1, step_mode="m"), neuron.LIFNode(step_mode="m")
            )

        def forward(self, x):
            x = self.stem(x)
            return (self.body(x) + x).mean(0)

    model = Sum()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.round(parameter * 64) / 16)
    network = convert(model, frames()).eval()
    check(network, "norse", tmp_path)


REFUSED = [
    ("snntorch", thrice("lif", tau=2.0, reset="subtract"), "reset 'subtract'"),
    ("snntorch", thrice("multi_spike", neuron="iaf"), "a neuron that counts"),
    ("snntorch", thrice("lif", beta=0.5, gain=1.0, reset="subtract_delayed"), "fires at its threshold"),
    ("spikingjelly", thrice("synaptic"), "synaptic with reset 'zero'"),
    ("spikingjelly", thrice("lif", tau=2.0, v_leak=0.25), "potential 0.25 at rest"),
    ("norse", thrice("iaf"), "iaf with reset 'zero', beta 1"),
    ("norse", thrice("lif", reset="none"), "reset 'none'"),
    ("sinabs", thrice("lif", reset="value", v_reset=0.5), "reset 'value'"),
    ("norse", thrice("alif"), "got ALIF"),
]


@pytest.mark.parametrize(("framework", "build", "expected"), REFUSED)
def test_what_a_framework_does_not_have_is_refused(framework, build, expected, tmp_path):
    with pytest.raises(SparetoError, match=expected) as caught:
        spareto.export_to(build(), framework, tmp_path / "out")
    assert "'layer_0_neuron'" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_attention_is_refused_by_name(tmp_path):
    network = spareto.networks.registry.make("tcja", sensor=(2, 32, 32), classes=3, timesteps=4)
    with pytest.raises(SparetoError, match="TCJA"):
        spareto.export_to(network, "spikingjelly", tmp_path)


def test_an_unknown_framework_is_told_the_known(tmp_path):
    with pytest.raises(SparetoError, match="nir, norse, qonnx, safetensors, sinabs, snntorch"):
        spareto.export_to(nn.Sequential(), "brian", tmp_path)
