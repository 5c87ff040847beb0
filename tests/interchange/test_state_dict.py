"""A raw state dict with a short description of its layers; what does not fit is told by name."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import spareto
from conventions import peer
from spareto.core.errors import SparetoError

LEAKY = {"name": "lif", "beta": 0.9, "gain": 1.0, "reset": "subtract_delayed", "strict": True}


def snntorch_model():
    snn = peer("snntorch")
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.fc1, self.fc2 = (
                nn.Conv2d(1, 4, 3, padding=1),
                nn.Linear(64, 12),
                nn.Linear(12, 5),
            )
            self.lif1, self.lif2, self.lif3 = (snn.Leaky(beta=0.9, init_hidden=True) for _ in range(3))

        def forward(self, x):
            found = []
            for now in x:
                first = nn.functional.max_pool2d(self.lif1(self.conv1(now) * 1), 2)
                found.append(self.lif3(self.fc2(self.lif2(self.fc1(first.flatten(1))))))
            return torch.stack(found)

    model = Net()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.round(parameter * 96) / 16)
    return model


LAYERS = [
    {"conv": "conv1", "padding": 1, "pool": {"kernel": 2}},
    {"linear": "fc1"},
    {"linear": "fc2"},
]
YAML = """\
neuron: {name: lif, beta: 0.9, gain: 1.0, reset: subtract_delayed, strict: true}
layers:
  - {conv: conv1, padding: 1, pool: {kernel: 2}}
  - {linear: fc1}
  - {linear: fc2}
"""


def frames():
    return (torch.rand(9, 4, 1, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.4).float()


@pytest.mark.parametrize("how", ["mapping", "file", "wrapped"])
def test_it_gives_the_spikes_of_the_model(how, tmp_path):
    model, x = snntorch_model(), frames()
    state, layers = model.state_dict(), {"neuron": LEAKY, "layers": LAYERS}
    if how == "file":
        torch.save({"state_dict": state, "epoch": 3}, tmp_path / "a.pt")
        (tmp_path / "layers.yaml").write_text(YAML, "utf-8")
        state, layers = tmp_path / "a.pt", tmp_path / "layers.yaml"
    network = spareto.convert({"model": state} if how == "wrapped" else state, x, layers=layers)
    with torch.no_grad():
        expected = model(x)
        assert expected.any()
        assert torch.equal(network(x), expected)
    assert network.notes[0].startswith("Not used of the state dict: lif1.threshold")


def test_norms_recurrent_weights_and_layers_without_neurons():
    torch.manual_seed(0)
    norm, back = nn.BatchNorm1d(6), nn.Linear(6, 6)
    norm.running_mean.normal_()
    parts = {"a": nn.Linear(10, 6), "n": norm, "r": back, "out": nn.Linear(6, 3)}
    state = {
        f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()
    }
    layers = [{"linear": "a", "norm": "n", "recurrent": "r", "neuron": {"name": "lif"}}, {"linear": "out"}]
    network = spareto.convert(state, torch.rand(5, 2, 10), layers=layers)
    assert network.notes == ("All of the state dict is used.",)
    x = torch.rand(5, 2, 10)
    with torch.no_grad():
        assert torch.allclose(network(x), parts["out"](network.parts["0"](x)))
        assert torch.equal(network.parts["0"].norm.running_mean, norm.running_mean)


WRONG = [
    ({"linear": "fc3"}, r"layers\[0\]\.linear: got 'fc3\.weight'; expected a name in the state dict.*fc2"),
    ({"conv": "fc1"}, r"'fc1\.weight' of shape \(12, 64\).*4 axes"),
    ({"linear": "fc1", "norm": "conv1"}, r"layers\[0\]\.norm: got 'conv1\.weight' of shape"),
    ({"linear": "fc1", "recurrent": "fc2"}, r"'fc2\.weight' of shape \(5, 12\); expected shape \(12, 12\)"),
    ({"linear": "fc1", "neuron": {"name": "lif", "tua": 2}}, r"tua: got an unknown option.*tau"),
    ({"linear": "fc1", "conv": "conv1"}, "either conv or linear"),
    ({"linear": "fc1", "stride": "two"}, "stride"),
]


@pytest.mark.parametrize(("layer", "expected"), WRONG)
def test_what_is_wrong_is_told_by_name_and_what_was_not_used(layer, expected):
    with pytest.raises(SparetoError, match=expected) as caught:
        spareto.convert(snntorch_model().state_dict(), layers={"neuron": LEAKY, "layers": [layer]})
    if "stride" not in layer:
        assert caught.value.problems[-1].where == "not used of the state dict"


def test_what_is_missing_beside_it_is_asked_for(tmp_path):
    state = snntorch_model().state_dict()
    with pytest.raises(SparetoError, match=r"^layers: got nothing beside a state dict"):
        spareto.convert(state)
    with pytest.raises(SparetoError, match="none beside this model"):
        spareto.convert(nn.Sequential(), torch.rand(3, 2, 1), layers=LAYERS)
    with pytest.raises(SparetoError, match="no such file"):
        spareto.convert(tmp_path / "b.pt", layers=LAYERS)
    save_file(state, tmp_path / "c.safetensors")
    with pytest.raises(SparetoError, match=r"c\.safetensors.*say its layers="):
        spareto.convert(tmp_path / "c.safetensors")
    x = frames().transpose(0, 1)
    network = spareto.convert(tmp_path / "c.safetensors", x, layout="batch-first",
                              layers={"neuron": LEAKY, "layers": LAYERS})  # fmt: skip
    assert len(network.parts) == 3
    with pytest.raises(SparetoError, match="'static' beside a file"):
        spareto.convert(state, x, layout="static", layers=LAYERS)
    (tmp_path / "b.pt").write_bytes(b"junk")
    with pytest.raises(SparetoError, match="unreadable file"):
        spareto.convert(tmp_path / "b.pt", layers=LAYERS)
