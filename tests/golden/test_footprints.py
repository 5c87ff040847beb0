"""Memory of the networks of Q-SNN, as its table 2 and its text give it."""

import pytest
import torch

from spareto import recipes
from spareto.compression import compress
from spareto.compression.footprints import footprint
from spareto.networks import build

NETWORKS = {
    "resnet19": {},
    "vgg_snn": {"head": "average"},
    "vgg16": {},
}
BATCHES = (1, 64, 256)
PUBLISHED = {  # MB of 1e6 bytes, at each batch
    ("resnet19", None): (50.80, 83.83, 184.49),
    ("resnet19", 8): (1.75, 10.0, 35.17),
    ("resnet19", 4): (1.68, 5.81, 18.40),
    ("resnet19", 2): (1.65, 3.72, 10.01),
    ("vgg_snn", None): (37.44, 70.47, 171.13),
    ("vgg_snn", 2): (1.21, 3.28, 9.57),
    ("vgg16", None): (59.16, 75.67, 126.01),
    ("vgg16", 2): (1.91, 2.94, 6.09),
}
LARGEST = {"resnet19": 131_072, "vgg_snn": 131_072, "vgg16": 65_536}


@pytest.fixture(scope="module")
def networks():
    with torch.device("meta"):
        shapes = {name: build(name, sensor=(3, 32, 32), classes=10, votes=1, **options)
                  for name, options in NETWORKS.items()}  # fmt: skip
    return {name: shape.to_empty(device="cpu").requires_grad_(False) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def measured(networks):
    """Every network as it is, and with binary weights; of the widths of a membrane, only one is run."""
    frames, found = torch.zeros(1, 1, 3, 32, 32), {}
    for name, network in networks.items():
        for value in (*network.parameters(), *network.buffers()):
            value.fill_(1)
        found[name, None] = footprint(network, frames)
        found[name, 2] = footprint(compress(network, recipes.q_snn(2)), frames)
    return found


def of(measured, name, bits):
    """The footprint at another width of the membranes."""
    return measured[name, bits] if (name, bits) in measured else measured[name, 2]


@pytest.mark.parametrize(("name", "bits"), PUBLISHED, ids=str)
def test_the_published_table(measured, name, bits):
    found = of(measured, name, bits)
    assert found.neurons == LARGEST[name]
    assert found.membrane_bits == LARGEST[name] * ({None: 32}.get(bits) or (2 if bits != 2 else bits))
    width = bits or 32
    for batch, megabytes in zip(BATCHES, PUBLISHED[name, bits], strict=True):
        total = found.weight_bytes + batch * found.neurons * width / 8
        assert total / 1e6 == pytest.approx(megabytes, abs=0.02)
        if (name, bits) in measured:
            assert found.weight_bytes + batch * found.membrane_bits / 8 == total


def test_resnet19_to_the_byte(measured):
    assert measured["resnet19", 2].weight_bytes == 1_619_368
    assert measured["resnet19", None].weight_bytes == 4 * 12_569_226
