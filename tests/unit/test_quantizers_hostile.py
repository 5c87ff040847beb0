"""Quantizers and pruners on weights of half precision and on weights that are not finite."""

import math

import pytest
import torch
from torch import nn

from spareto.compression import compress
from spareto.core.errors import ConfigError
from spareto.quantizers import registry as quantizers
from spareto.records import Recipe

STEPS = {
    name: {
        "kind": "quantize",
        "bits": min(max(4, quantizers.get(name).bits_supported[0]), quantizers.get(name).bits_supported[-1]),
        "quantizer": name,
    }
    for name in quantizers.names()
} | {"prune": {"kind": "prune", "sparsity": 0.5}}


def compressed(step, dtype, odd=None):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3)).to(dtype)
    if odd is not None:
        with torch.no_grad():
            network[0].weight[1, 2] = odd
    return compress(network, Recipe.parse({"steps": [STEPS[step]]}, "recipe"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("step", STEPS)
def test_half_precision_works(step, dtype):
    network = compressed(step, dtype)
    y = network(torch.ones(2, 12, dtype=dtype))
    y.float().sum().backward()
    assert y.dtype == dtype
    assert network[0].weight.dtype == dtype
    assert network[0].weight.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("live", [None, True])
@pytest.mark.parametrize("step", [name for name in STEPS if name != "prune"])
def test_a_quantizer_itself_takes_half_precision(step, live, dtype):
    torch.manual_seed(0)
    quantizer = quantizers.make(step, bits=STEPS[step]["bits"])
    weight = torch.randn(300, 300).to(dtype)  # more weights than half precision can count
    mask = None if live is None else weight > 0
    quantizer.start(weight, mask)
    exact = weight.float()
    assert torch.equal(quantizer.encode(weight), quantizer.encode(exact))
    assert torch.equal(quantizer(weight, mask), quantizer(exact, mask))


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("step", STEPS)
def test_weights_that_are_not_finite_are_refused_in_those_words(step, odd):
    with pytest.raises(ConfigError, match="not finite") as error:
        compressed(step, torch.float32, odd)
    assert "leaves no weights" not in str(error.value)
