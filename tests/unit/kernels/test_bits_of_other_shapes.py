"""The last guard in front of memory: kernels refuse bits that are not of their shapes."""

import pytest
import torch

from spareto import kernels
from spareto.core.errors import ConfigError
from spareto.kernels import spikes
from spareto.kernels.c_layers import ConvShape, Gradient
from spareto.kernels.sums import ConvSums, DenseSums

pytestmark = pytest.mark.skipif(kernels.backend() != "c", reason="the C kernels do not run here")
CONV = ConvSums(ConvShape(2, 4, 4, 3, 4, 4, 16, 3, 3, 1, 1, 1, 1), 7)


@pytest.mark.parametrize(
    ("sums", "channels", "bits", "weight"),
    [
        (CONV, 70, (slice(None),), (5, 3, 3, 3)),
        (CONV, 3, (slice(1),), (5, 3, 3, 3)),
        (CONV, 3, (slice(None), slice(1)), (5, 3, 3, 3)),
        (CONV, 3, (slice(None),), (5, 2, 3, 3)),
        (CONV, 3, (slice(None),), (20, 3, 3, 3)),
        (DenseSums(3, (4, 4)), 70, (slice(None),), (5, 48)),
        (DenseSums(3, (4, 4)), 3, (slice(None), slice(1)), (5, 48)),
        (DenseSums(3, (4, 4)), 3, (slice(None),), (5, 47)),
    ],
)
def test_kernels_refuse_bits_that_are_not_their_shapes(sums, channels, bits, weight):
    found, weights = spikes.pack(torch.eye(4).expand(1, 2, channels, 4, 4)).bits[bits], torch.zeros(weight)
    with pytest.raises(ConfigError, match=r"kernels of spiking layers: got spikes \("):
        sums.forward(found, weights)
    with pytest.raises(ConfigError, match=r"kernels of spiking layers: got spikes \("):
        sums.weight_gradient(found, Gradient(torch.zeros(2, 4, 4, 16)), weights)
