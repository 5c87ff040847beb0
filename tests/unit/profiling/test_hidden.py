"""Networks whose operators hide: compiled ones are counted as they are, the others are refused by name."""

import re
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from profiling.noting import spikes
from spareto.core.errors import ConfigError
from spareto.profiling import profile

T, N = 4, 3


class Net(nn.Module):
    """Two dense layers with thresholds."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 5, bias=False), nn.Linear(5, 3, bias=False)

    def forward(self, x):
        hidden = (self.fc1(x) > 0.2).float()
        return (self.fc2(hidden) > 0.2).float().mean(0)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval()


def counted(net, frames=None):
    frames = spikes(T, N, 6, seed=0) if frames is None else frames
    workload = profile(net, frames, np.zeros(N, int), time="time-batch", layout="time-first").workload
    return {layer.name: layer for layer in workload.layers}


def refused(net):
    with pytest.raises(ConfigError) as error:
        counted(net)
    return str(error.value)


@pytest.mark.parametrize("which", ["network", "a layer", "in place", "a function"])
def test_compiled_parts_are_counted_as_the_network_they_were(net, which):
    expected = counted(net)
    if which == "network":
        net = torch.compile(net)
    elif which == "a layer":
        net.fc1 = torch.compile(net.fc1)
    elif which == "in place":
        net.compile()
    else:
        net.forward = torch.compile(net.forward)
    found = {
        name.replace("_orig_mod.", "").replace("._orig_mod", ""): layer
        for name, layer in counted(net).items()
    }
    assert {name: layer.model_copy(update={"name": name}) for name, layer in found.items()} == expected


@pytest.mark.parametrize("how", ["script", "trace", "freeze", "a layer"])
def test_scripts_are_refused(net, how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how == "script":
            net = torch.jit.script(net)
        elif how == "trace":
            net = torch.jit.trace(net, torch.zeros(T, N, 6))
        elif how == "freeze":
            net = torch.jit.freeze(torch.jit.script(net))
        else:
            net.fc1 = torch.jit.script(net.fc1)
    where = "module 'fc1'" if how == "a layer" else "network"
    tool = "trace" if how == "trace" else "script"
    said = refused(net)
    assert re.match(
        rf"{where}: got \w+; expected a network whose modules and operators can be looked at\.", said
    )
    assert said.endswith(f"Give the network as it was before torch.jit.{tool}.")


def test_exported_networks_are_refused(net):
    exported = torch.export.export(net, (torch.zeros(T, N, 6),)).module()
    assert refused(exported).endswith("Give the network as it was before torch.export.")


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("kind", ["weight", "weight as csr", "spikes", "spikes on the right"])
def test_sparse_products_are_refused_by_place(net, kind):
    class Sparse(Net):
        def forward(self, x):
            hidden = (self.fc1(x) > 0.2).float().flatten(0, 1)
            weight = self.fc2.weight
            made = {
                "weight": lambda: torch.sparse.mm(weight.to_sparse(), hidden.T).T,
                "weight as csr": lambda: (weight.to_sparse_csr() @ hidden.T).T,
                "spikes": lambda: torch.sparse.mm(hidden.to_sparse(), weight.T),
                "spikes on the right": lambda: (weight @ hidden.T.to_sparse()).T,
            }[kind]()
            return (made.unflatten(0, (T, -1)) > 0.2).float().mean(0)

    said = refused(Sparse().eval())
    assert re.match(r"network: got the network, test_hidden.py:\d+: aten::\w+", said)
    assert "expected a product that the profiler can count" in said


def test_weights_that_torch_has_packed_are_refused(net):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        packed = torch.ao.quantization.quantize_dynamic(net, {nn.Linear})
    assert refused(packed).startswith("network: got module 'fc1', test_hidden.py:")
    assert "quantized::linear_dynamic" in refused(packed)


@pytest.mark.filterwarnings("ignore:Sparse CS")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_sparse_frames_are_made_dense(net, layout):
    frames = torch.from_numpy(spikes(N, 6, seed=1))

    class Still(Net):
        def forward(self, x):
            return super().forward(torch.stack([x] * T))

    made = Still().eval()
    results = [profile(made, each, np.arange(N)) for each in (frames, frames.to_sparse(layout=layout))]
    assert results[0] == results[1]
