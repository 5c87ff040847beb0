"""The exact numbers of quantization-aware pruning: stages, bit operations, neural efficiency, aIQ."""

import numpy as np
import pytest
import torch
from torch import nn

import tiny
from spareto.core.errors import ConfigError
from spareto.hardware.bops import bit_operations, layer_bops
from spareto.profiling import profile
from spareto.profiling.states import StateCounter
from spareto.profiling.witness import Witness
from spareto.pruners.schedules import registry
from spareto.records.trial import geometric_mean, quotient

SIZES = ((16, 64), (64, 32), (32, 32), (32, 5))
STAGES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0334, 0.0112)


def jet_tagger():
    """MLP 16-64-32-32-5, batch norm before each ReLU."""
    hidden = [
        part
        for inputs, outputs in SIZES[:-1]
        for part in (nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU())
    ]
    return nn.Sequential(*hidden, nn.Linear(*SIZES[-1]))


def test_the_jet_tagger_has_its_weights_and_biases():
    layers = [part for part in jet_tagger() if isinstance(part, nn.Linear)]
    assert sum(layer.weight.numel() for layer in layers) == 4256
    assert sum(layer.bias.numel() for layer in layers) == 133


@pytest.mark.parametrize(
    ("bits", "expected"), [(32, 4_652_832), (12, 1_003_552), (8, 583_968), (6, 412_960), (4, 267_808)]
)
def test_bit_operations_of_the_jet_tagger(bits, expected):
    """The first layer is given 32-bit numbers, each other one what the layer before puts out."""
    given = (32, bits, bits, bits)
    assert sum(bit_operations(*size, b, bits) for size, b in zip(SIZES, given, strict=True)) == expected


def test_bit_operations_of_an_evenly_pruned_jet_tagger():
    given = (32, 6, 6, 6)
    found = sum(bit_operations(*size, b, 6, zeros=0.8) for size, b in zip(SIZES, given, strict=True))
    assert found == pytest.approx(162_592)


def test_the_stages_are_the_published_ones():
    updates = registry.get("staged")().updates(1200, 1 - 0.0112)
    assert [round(1 - update.sparsity, 4) for update in updates] == [1.0, *STAGES]
    assert [update.step for update in updates] == list(range(0, 1200, 100))


def test_stages_stop_at_the_recipes_own_target():
    shares = [update.sparsity for update in registry.get("staged")().updates(90, 0.75)]
    assert shares == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75]


def test_a_lottery_ticket_goes_by_the_same_stages():
    ticket = registry.get("lottery_ticket")(remaining=STAGES)
    assert ticket.updates(24, 0.8) == registry.get("staged")().updates(24, 0.8)


@pytest.mark.parametrize("wrong", [(0.5, 0.5), (0.2, 0.9), (1.0,), (0.0,)])
def test_stages_that_do_not_fall_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"remaining"):
        registry.get("staged").parse({"remaining": list(wrong)}, "schedule")


def test_fair_coins_have_efficiency_1_and_constants_0():
    coins, still = StateCounter(6), StateCounter(6)
    coins.see(np.random.default_rng(0).random((3, 20_000, 6)) < 0.5)
    still.see(np.ones((3, 5, 6), np.bool_))
    assert coins.efficiency == pytest.approx(1.0, abs=1e-3)
    assert coins.efficiency <= 1
    assert still.efficiency == 0.0


def test_entropy_is_that_of_the_patterns():
    """Three patterns, with shares 1/2, 1/4, 1/4: 1.5 bits, over two neurons."""
    states = StateCounter(2)
    states.see(np.array([[[1, 0], [0, 0]], [[1, 0], [1, 1]]], np.bool_))
    assert states.entropy == pytest.approx(1.5)
    assert states.efficiency == pytest.approx(0.75)


def test_the_quotient():
    assert geometric_mean([0.25, 1.0]) == 0.5
    assert geometric_mean([0.0, 1.0]) == geometric_mean([]) == 0.0
    assert quotient(1.0, 1.0) == 1.0
    assert quotient(0.8, 0.125) == pytest.approx((0.64 * 0.125) ** (1 / 3))
    assert quotient(0.8, 0.5, beta=0) == 0.5


def patterns(outputs):
    states = StateCounter(outputs.shape[1])
    states.see(outputs.detach().numpy()[None] > 0)
    return states.entropy


def test_signs_are_those_behind_the_batch_norms():
    torch.manual_seed(0)
    network = jet_tagger()
    x = torch.randn(64, 16)
    for _ in range(3):
        network(x)
    network.eval()
    for part in network:
        if isinstance(part, nn.BatchNorm1d):
            nn.init.normal_(part.bias)
    witness = Witness()
    labels = np.arange(64) % 5
    workload = profile(network, x.numpy(), labels, witness=witness).workload
    expected = [patterns(network[: place + 1](x)) for place in (1, 4, 7, 9)]
    assert [states.entropy for states in witness.states.values()] == pytest.approx(expected)
    assert min(expected) > 0
    assert sum(layer_bops(layer) for layer in workload.layers) == sum(
        bit_operations(*size, 8, 32) for size in SIZES
    )


def test_spikes_are_the_states_of_spiking_layers():
    network, data = tiny.network().eval(), tiny.frame_data()
    witness = Witness()
    profile(network, data.test_frames, data.test_labels, witness=witness)
    frames = torch.from_numpy(data.test_frames).float()
    spikes = network.features[0](frames)
    from spareto.kernels import dense

    expected = StateCounter(spikes.shape[2:].numel())
    expected.see((dense(spikes) != 0).flatten(2).numpy())
    assert witness.states["features.0.conv"].entropy == pytest.approx(expected.entropy)
