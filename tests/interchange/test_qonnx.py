"""QONNX: what `qonnx` executes is what our integers are, spike for spike and state for state."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import spareto
from spareto.core.errors import SparetoError
from spareto.integer.reference import Reference
from spareto.layers.residual import Residual
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("qonnx", reason="qonnx is not installed")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

pytestmark = pytest.mark.filterwarnings("ignore")
T, B = 5, 2


def chain(neuron, last=None, pool=None, connect="iand"):
    torch.manual_seed(0)
    network = nn.Sequential(
        SpikingBlock(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), neuron(), pool or nn.MaxPool2d(2)),
        Residual(SpikingBlock(nn.Conv2d(4, 4, 3, padding=1, groups=2), None, neuron()), connect=connect),
        SpikingDense(nn.Linear(64, 6), (last or neuron)()),
    )
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter *= 16
    return spareto.compress(network, spareto.recipes.joint(bits=4, sparsity=0.3)).eval()


def made(name, **options):
    return lambda: registry.make(name, **options)


CASES = {
    "lif": lambda: chain(made("lif", beta=0.75)),
    "subtract": lambda: chain(
        made("lif", beta=0.75, reset="subtract", strict=True), None, nn.AvgPool2d(2), "add"
    ),
    "delayed": lambda: chain(made("lif", beta=0.75, reset="subtract_delayed")),
    "synaptic": lambda: chain(made("synaptic", alpha=0.5, beta=0.75)),
    "alif": lambda: chain(made("alif", beta=0.75)),
    "counts": lambda: chain(made("lif", beta=0.5), last=made("multi_spike", neuron="iaf", most=3)),
    "recurrent": lambda: chain(made("iaf"), last=made("recurrent", features=6, bias=True, beta=0.5)),
    "overlapping pools": lambda: chain(made("lif"), pool=nn.MaxPool2d(3, 2, 1)),
}


@pytest.mark.parametrize("name", CASES)
def test_qonnx_gives_our_integers(name, tmp_path):
    network = CASES[name]()
    options = {"sensor": (2, 8, 8), "classes": 3}
    told = spareto.export_to(network, "qonnx", tmp_path / "a.onnx", batch=B, **options)
    assert "one timestep" in told.notes[0]
    lowered = spareto.lower(network, **options).network
    frames = np.random.default_rng(0).integers(0, 2, (T, B, 2, 8, 8))
    expected = Reference(lowered).run(frames)[-1]
    assert expected.any()
    model = ModelWrapper(str(tmp_path / "a.onnx"))
    states = {each.name: np.zeros([d.dim_value for d in each.type.tensor_type.shape.dim], np.int64)
              for each in model.graph.input if each.name != "frame"}  # fmt: skip
    for frame, spikes in zip(frames, expected, strict=True):
        found = execute_onnx(model, {"frame": frame.astype(np.float32), **states})
        assert np.array_equal(found["spikes"], spikes)
        assert np.array_equal(found["votes"], spikes.reshape(B, 3, -1).sum(2))
        states = {name: found[name.replace("state", "next")] for name in states}


def test_weights_stand_behind_quant_nodes_of_their_width(tmp_path):
    spareto.export_to(CASES["lif"](), "qonnx", tmp_path / "a.onnx", sensor=(2, 8, 8), classes=3)
    model = ModelWrapper(str(tmp_path / "a.onnx"))
    quants = model.get_nodes_by_op_type("Quant")
    assert len(quants) == 3
    for node in quants:
        values, bits = model.get_initializer(node.input[0]), float(model.get_initializer(node.input[3]))
        assert np.array_equal(values, np.rint(values))
        assert bits == 4
        assert model.get_tensor_datatype(node.output[0]).name == "INT4"


def test_what_has_no_timestep_is_refused(tmp_path):
    network = spareto.networks.registry.make("tcja", sensor=(2, 32, 32), classes=3, timesteps=4)
    small = spareto.compress(network, spareto.recipes.quantize(bits=4)).eval()
    with pytest.raises(SparetoError, match="attention over time"):
        spareto.export_to(small, "qonnx", tmp_path / "a.onnx")
    with pytest.raises(SparetoError, match=r"recipe|quantize|integer codes"):
        spareto.export_to(network, "qonnx", tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()
