"""Bit operations in closed form."""

from math import log2

import pytest

import workloads
from spareto import hardware
from spareto.hardware.bops import bit_operations

MLP = ((16, 64), (64, 32), (32, 32), (32, 5))


@pytest.mark.parametrize(
    ("bits", "published"), [(32, 4_652_832), (12, 1_003_552), (8, 583_968), (6, 412_960), (4, 267_808)]
)
def test_the_jet_tagger_of_ps_and_qs_has_its_published_number(bits, published):
    """Its features come in as 32-bit numbers, whatever the width of the network."""
    arriving = (32, bits, bits, bits)
    found = sum(bit_operations(n, m, wide, bits) for (n, m), wide in zip(MLP, arriving, strict=True))
    assert found == published


def test_a_measured_layer_is_counted_at_its_shape_widths_and_zeros():
    dense = workloads.layer(channels=(64, 10), size=1, kernel=1, bits=4, sparsity=0.5, timesteps=3)
    zeros = dense.weight_sparsity
    expected = 3 * 640 * ((1 - zeros) * 4 + 1 + 4 + log2(64))
    assert hardware.layer_bops(dense) == pytest.approx(expected)
    conv = workloads.layer(channels=(8, 16), size=8, kernel=3, stride=2, bits=1, sparsity=0.0, timesteps=5)
    assert hardware.layer_bops(conv) == pytest.approx(5 * 16 * 16 * 72 * (1 + 1 + 1 + log2(72)))
    grouped = workloads.layer(channels=(8, 16), groups=8, size=4, sparsity=0.0, timesteps=1)
    assert hardware.layer_bops(grouped) == pytest.approx(16 * 16 * 9 * (8 + 1 + 8 + log2(9)))


def test_a_network_is_the_sum_of_its_layers_and_spikes_do_not_count():
    silent, busy = (workloads.network(workloads.layer(rate=rate)) for rate in (0.0, 1.0))
    assert hardware.workload_bops(silent) == hardware.workload_bops(busy)
    whole = workloads.network()
    assert hardware.workload_bops(whole) == sum(map(hardware.layer_bops, whole.layers))
