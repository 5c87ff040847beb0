"""safetensors with a manifest: everything of a network comes back, and a file that lies is refused."""

import json

import pytest
import torch
from safetensors import safe_open
from torch import nn

import spareto
from conventions import peer
from spareto.core.errors import SparetoError
from spareto.kernels import dense
from spareto.layers.spiking_dense import SpikingDense
from spareto.networks import registry
from spareto.neurons import registry as neurons
from spareto.quantizers import registry as quantizers
from spareto.records import Recipe

X = (torch.rand(6, 3, 2, 16, 16, generator=torch.Generator().manual_seed(0)) < 0.3).float()


def same(network, path, x=X):
    """What came back, after a look at outputs, weights and plans."""
    spareto.export_to(network, "safetensors", path)
    back = spareto.convert(path, x)
    with torch.no_grad():
        assert torch.equal(back(x), dense(network(x)))
    return back


ZOO = [
    ("conv", {"channels": (3, 4), "neuron": {"name": "alif", "tau": 3.0, "surrogate": "sigmoid"}}),
    ("dense", {"hidden": (9,), "neuron": {"name": "synaptic", "tau_syn": 3.0}, "dropout": 0.1}),
    ("tcja", {"timesteps": 6}),
]


@pytest.mark.parametrize(("name", "options"), ZOO)
@pytest.mark.parametrize("how", ["dense", "joint", "baked"])
def test_networks_come_back_exactly(name, options, how, tmp_path):
    torch.manual_seed(0)
    sensor = (2, 32, 32) if name == "tcja" else (2, 16, 16)
    x = X if name != "tcja" else X.repeat(1, 1, 1, 2, 2)
    network = registry.make(name, sensor=sensor, classes=3, **options)
    if how != "dense":
        network = spareto.compress(network, spareto.recipes.joint(bits=3, sparsity=0.6))
    if how == "baked":
        spareto.bake(network)
    back = same(network.eval(), tmp_path / "a.safetensors", x)
    plans = [str(m.plan) for m in network.modules() if hasattr(m, "plan")]
    assert [str(m.plan) for m in back.modules() if hasattr(m, "plan")] == plans
    again = tmp_path / "b.safetensors"
    spareto.export_to(back, "safetensors", again)
    assert again.read_bytes() == (tmp_path / "a.safetensors").read_bytes()


@pytest.mark.parametrize("quantizer", quantizers.names())
def test_every_quantizer_comes_back(quantizer, tmp_path):
    bits = next(iter(quantizers.get(quantizer).bits_supported))
    torch.manual_seed(0)
    network = nn.Sequential(SpikingDense(nn.Linear(512, 6), neurons.make("lif")))
    steps = [{"kind": "prune", "sparsity": 0.5}, {"kind": "quantize", "bits": bits, "quantizer": quantizer,
             "granularity": "per_channel", "rounding": "ewgs"}]  # fmt: skip
    small = spareto.compress(network, Recipe.parse({"name": "q", "steps": steps}, "recipe")).eval()
    back = same(small, tmp_path / "a.safetensors")
    theirs, mine = (n.get_submodule(f"{p}linear.parametrizations.weight")[0].quantizer
                    for n, p in ((small, "0."), (back, "parts.0.")))  # fmt: skip
    assert type(mine) is type(theirs)
    assert type(mine.rounding) is type(theirs.rounding)
    assert all(
        torch.equal(a, b)
        for a, b in zip(theirs.state_dict().values(), mine.state_dict().values(), strict=True)
    )
    with torch.no_grad():
        weight = small[0].linear.weight
        assert torch.equal(theirs.encode(weight), mine.encode(weight))


NEURONS = [
    ("recurrent", {"features": 6, "bias": True}),
    ("multi_spike", {"most": 3}),
    ("quantized_state", {"bits": 6}),
    ("plif", {"tau": 3.0}),
    ("iaf", {"v_threshold": 2.0}),
    ("lif", {"reset": "value", "v_reset": -0.5, "v_leak": 0.1, "strict": True, "slope": 3.0}),
]


@pytest.mark.parametrize(("name", "options"), NEURONS)
def test_every_neuron_comes_back(name, options, tmp_path):
    torch.manual_seed(0)
    neuron = neurons.make(name, **options)
    back = same(nn.Sequential(SpikingDense(nn.Linear(512, 6), neuron)).eval(), tmp_path / "a.safetensors")
    assert str(back.parts["0"].neuron) == str(neuron)
    found = {str(vars(m.surrogate)) for n in (neuron, back) for m in n.modules() if hasattr(m, "surrogate")}
    assert len(found) == 1


def test_converted_networks_come_back_and_train(tmp_path):
    """Residual sums, potentials, votes and what was learned: as `convert` left them."""
    snn = peer("snntorch")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            options = {"beta": 0.8, "init_hidden": True}
            self.a, self.b, self.c = nn.Linear(12, 8), nn.Linear(8, 8), nn.Linear(8, 4)
            self.one, self.two = snn.Leaky(**options), snn.Leaky(**options)
            self.last = snn.Leaky(beta=0.8, init_hidden=True, output=True)

        def forward(self, x):
            found = []
            for now in x:
                first = self.one(self.a(now) * 3)
                found.append(self.last(self.c(self.two(self.b(first) * 3) + first)))
            return torch.stack([s for s, _ in found]).sum(0), torch.stack([m for _, m in found])

    x = (torch.rand(6, 3, 12, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    network = spareto.convert(Net(), x).eval()
    spareto.export_to(network, "safetensors", tmp_path / "a.safetensors")
    back = spareto.convert(tmp_path / "a.safetensors")
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(network(x), back(x), strict=True))
    back.train()(x)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in back.parameters())


def test_the_tensors_read_as_what_they_are(tmp_path):
    network = registry.make("conv", sensor=(2, 16, 16), classes=3, channels=(3, 4))
    small = spareto.compress(network, spareto.recipes.joint(bits=4, sparsity=0.5)).eval()
    spareto.export_to(small, "safetensors", tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        manifest = json.loads(file.metadata()["spareto"])["description"]
        codes, mask = (file.get_tensor(f"parts.features_0.conv.weight.{end}") for end in ("codes", "mask"))
        names = [name for name in file.keys() if ".quantizer." in name]  # noqa: SIM118 - no dict
    assert codes.shape == mask.shape == small.features[0].conv.weight.shape
    assert codes.dtype is torch.int8
    plan = manifest["compressions"]["parts.features_0.conv.weight"]
    assert plan["quantizer"]["bits"] == 4
    assert names
    weight = small.features[0].conv.weight
    assert torch.equal(weight == 0, (codes == 0) | ~mask)


READS_A_FILE = {
    "how": "function", "reads": [0], "writes": [99], "part": "", "time": True,
    "function": {"operator": "from_file.default", "args": ["x"], "kwargs": {"named": {}}, "merged": False},
}  # fmt: skip
LIES = [
    ("operator", lambda d: d["steps"].append(READS_A_FILE)),
    ("huge", lambda d: d["parts"]["0"]["parts"]["linear"]["options"].update(out_features=1 << 40)),
    ("kind", lambda d: d["parts"]["0"].update(kind="os.system")),
    ("reads", lambda d: d["steps"][0].update(reads=[7])),
    ("option", lambda d: d["parts"]["0"]["parts"]["neuron"]["options"].update(v_threshold="high")),
    ("format", lambda d: d.update(network_format=9)),
    ("tie", lambda d: d.update(ties={"parts.0": "parts.5"})),
]  # fmt: skip


@pytest.mark.parametrize(("what", "change"), LIES)
def test_a_manifest_that_lies_is_refused(what, change, tmp_path):
    from spareto.interchange._description import manifest_of
    from spareto.training.stored import write

    manifest, tensors = manifest_of(nn.Sequential(SpikingDense(nn.Linear(512, 6), neurons.make("lif"))))
    change(manifest)
    write(tmp_path / "a.safetensors", tensors, {"description": manifest})
    with pytest.raises(SparetoError, match=r"a\.safetensors: got a manifest that is no network"):
        spareto.convert(tmp_path / "a.safetensors")
