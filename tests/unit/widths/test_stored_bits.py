"""How many bits a stored weight takes: declared, carried along, or found from the values."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm

from spareto.quantizers import registry as quantizers
from spareto.widths import found_bits, remember_bits, stored_bits, value_in_use
from spareto.widths.levels import levels_of

UNIFORM = [
    "asymmetric",
    "learned_clip",
    "least_error_range",
    "max_range",
    "percentile_range",
    "sigma_range",
    "duq",
]


def layer_of(value):
    layer = nn.Linear(value[0].numel(), len(value))
    layer.weight = nn.Parameter(value.reshape(len(value), -1))
    return layer


def quantized(name, bits, granularity, shape=(64, 16, 3, 3), seed=0):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=generator)
    weight *= torch.rand(shape[0], *[1] * (len(shape) - 1), generator=generator)
    quantizer = quantizers.make(name, bits=bits, granularity=granularity)
    quantizer.start(weight)
    return quantizer.eval()(weight).detach()


@pytest.mark.parametrize("name", UNIFORM)
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 8, 10, 12])
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_the_width_of_equidistant_levels_is_found(name, bits, granularity):
    found, how = stored_bits(layer_of(quantized(name, bits, granularity)))
    assert found == bits
    assert how.startswith("found: ")
    assert "equidistant levels" in how
    assert (" a channel" in how) == (granularity == "per_channel")


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("scale", [1e-12, 0.1, 1e12])
def test_zeros_and_scales_do_not_matter(sparsity, scale):
    value = quantized("max_range", 4, "per_tensor") * scale
    value[torch.rand(value.shape, generator=torch.Generator().manual_seed(1)) < sparsity] = 0
    assert found_bits(value)[0] == 4


TABLES = [
    ("sign", 1, "per_tensor"),
    ("sign", 1, "per_channel"),
    ("ternary", 2, "per_tensor"),
    ("ternary", 2, "per_channel"),
    ("power_of_two", 4, "per_tensor"),
    ("power_of_two", 5, "per_tensor"),
]


@pytest.mark.parametrize(("name", "bits", "granularity"), TABLES)
def test_few_values_are_a_table(name, bits, granularity):
    shape = (8, 64, 9, 9)
    assert found_bits(quantized(name, bits, granularity, shape))[0] == bits


@pytest.mark.parametrize("name", quantizers.names())
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_what_is_found_is_never_less_than_the_values_need(name, granularity):
    for bits in quantizers.get(name).bits_supported:
        value = quantized(name, bits, granularity, (12, 60))
        found = found_bits(value)
        rows = [value] if granularity == "per_tensor" else value
        assert found is None or 2 ** found[0] >= max(len(row.unique()) for row in rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_real_numbers_are_no_levels(dtype):
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        rows, columns = (int(torch.randint(1, most, (), generator=generator)) for most in (9, 90))
        assert found_bits(torch.randn(rows, columns, generator=generator).to(dtype)) is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_levels_in_other_precisions(dtype):
    assert found_bits(quantized("max_range", 4, "per_tensor").to(dtype))[0] == 4


def test_too_few_weights_say_nothing():
    assert found_bits(torch.tensor([[0.3, -0.7]])) is None
    assert found_bits(torch.zeros(4, 5)) is None


@pytest.mark.parametrize("seed", range(5))
def test_integers_by_brute_force(seed):
    """Of whole numbers, the step is their greatest common divisor."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(-9, 10, (400,), generator=generator) * 3
    grid = levels_of((codes * 0.7).double().numpy(), 2.0**-24)
    assert (grid.levels, grid.bits) == (19, 5)


FLOATS = [
    (torch.float32, 32, "no levels found: floating point"),
    (torch.float16, 16, "stored as float16"),
    (torch.bfloat16, 16, "stored as bfloat16"),
    (torch.float64, 32, "no levels found: float64, taken as 32-bit floating point"),
]


@pytest.mark.parametrize(("dtype", "bits", "how"), FLOATS)
def test_floats(dtype, bits, how):
    torch.manual_seed(0)
    assert stored_bits(nn.Linear(20, 10).to(dtype)) == (bits, how)


def test_a_width_that_is_carried_along_holds_as_long_as_the_values_do():
    torch.manual_seed(0)
    layer = nn.Linear(20, 10)
    remember_bits(layer, 7)
    assert stored_bits(layer) == (7, "carried along from its quantizer")
    assert stored_bits(layer, "bias")[0] == 32
    layer.weight.data[0, 0] += 1
    assert stored_bits(layer)[0] == 32


@pytest.mark.parametrize("way", [spectral_norm, parametrizations.spectral_norm])
def test_the_weight_in_use_is_read_without_a_trace(way):
    torch.manual_seed(0)
    layer = way(nn.Linear(6, 4)).eval()
    layer(torch.ones(1, 6))
    expected = layer.weight.detach().clone()
    layer.train()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    torch.testing.assert_close(value_in_use(layer), expected)
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())
    assert layer.training


def test_a_mask_is_in_use_also_before_the_layer_runs():
    torch.manual_seed(0)
    layer = prune.l1_unstructured(nn.Linear(6, 4), "weight", 0.5)
    layer.weight_orig.data.add_(1)
    assert torch.equal(value_in_use(layer), layer.weight_orig * layer.weight_mask)
