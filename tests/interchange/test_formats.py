"""Laws of every file format: a new file in `interchange/formats/` is under test as soon as it is there."""

import pytest
import torch
from torch import nn

import spareto
from spareto.core.errors import SparetoError, StoreError
from spareto.interchange import ExportedFile, targets
from spareto.interchange.formats import registry
from spareto.kernels import dense
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry as neurons

pytestmark = pytest.mark.filterwarnings("ignore")
OPTIONS = {"nir": {"dt": 1e-4}, "qonnx": {"sensor": (8, 1, 1), "classes": 4}}
SUFFIX = {"qonnx": ".onnx"}


def network():
    torch.manual_seed(0)
    made = nn.Sequential(SpikingDense(nn.Linear(8, 4), neurons.make("lif", tau=2.0)))
    return spareto.compress(made, spareto.recipes.joint(bits=4, sparsity=0.5)).eval()


def write(name, made, folder):
    path = folder / f"a{SUFFIX.get(name, f'.{name}')}"
    return spareto.export_to(made, name, path, **OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", registry.names())
def test_a_file_is_written_and_comes_back_if_it_is_read(name, tmp_path):
    made, x = network(), torch.rand(5, 3, 8)
    before = {key: value.clone() for key, value in made.state_dict().items()}
    told = write(name, made, tmp_path)
    assert isinstance(told, ExportedFile)
    assert told.path.is_file()
    assert all(torch.equal(before[key], value) for key, value in made.state_dict().items())
    if registry.make(name).reads(told.path):
        with torch.no_grad():
            assert torch.equal(spareto.convert(told.path, x)(x), dense(made(x)))


@pytest.mark.parametrize("name", registry.names())
def test_the_same_network_gives_the_same_tensors_again(name, tmp_path):
    made = network()
    first = write(name, made, tmp_path).path.read_bytes()
    assert len(write(name, made, tmp_path).path.read_bytes()) == len(first)


@pytest.mark.parametrize("name", registry.names())
def test_what_cannot_be_written_leaves_nothing(name, tmp_path):
    class Foreign(nn.Module):
        def forward(self, x):
            return x

    with pytest.raises(SparetoError):
        write(name, nn.Sequential(Foreign()), tmp_path)
    with pytest.raises(SparetoError, match="colour"):
        spareto.export_to(network(), name, tmp_path / "a", colour=1)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        write(name, network(), tmp_path / "file")


def test_every_format_and_framework_is_a_target():
    assert {*registry.names(), "snntorch", "norse"} <= set(targets())
