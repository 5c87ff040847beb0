"""Brevitas as an independent oracle, where it has the same quantizer."""

import warnings

import pytest
import torch

from spareto.quantizers import registry

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("brevitas", reason="brevitas is not installed")
    import brevitas.nn as qnn
    from brevitas import quant
    from brevitas.core.function_wrapper import TensorClamp
    from brevitas.inject.enum import ScalingImplType

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"]),
    pytest.mark.parametrize("bits", [2, 3, 4, 6, 8]),
]
WEIGHT = torch.randn(5, 40, generator=torch.Generator().manual_seed(0)) + 0.2
COTANGENT = torch.randn(5, 40, generator=torch.Generator().manual_seed(1))


def theirs(kind, bits, **options):
    layer = qnn.QuantLinear(40, 5, bias=False, weight_quant=kind, weight_bit_width=bits, **options)
    layer.weight.data.copy_(WEIGHT)
    with torch.no_grad():
        layer.weight_quant.init_tensor_quant()  # statistics of this weight, not of the one it was made with
    return layer


def ours(name, bits, granularity):
    quantizer = registry.make(name, bits=bits, granularity=granularity)
    quantizer.start(WEIGHT)
    return quantizer


def kind(granularity, stem, suffix=""):
    return getattr(
        quant, f"{stem}{'PerTensor' if granularity == 'per_tensor' else 'PerChannel'}Float{suffix}"
    )


def check_same(layer, quantizer):
    """Values and codes; returns both gradients of the weight.

    They round before they clamp; we clamp first, as esser2020 does, so half a step beyond the largest
    code no gradient is compared.
    """
    position = WEIGHT / quantizer.decode(torch.ones_like(WEIGHT, dtype=torch.int32)).detach()
    low, high = quantizer.code_range
    cotangent = COTANGENT * ~(
        ((position > high) & (position < high + 0.5)) | ((position < low) & (position > low - 0.5))
    )
    leaf = WEIGHT.clone().requires_grad_()
    value = quantizer(leaf)
    quantized = layer.quant_weight()
    torch.testing.assert_close(value, quantized.value)
    assert torch.equal(quantizer.encode(WEIGHT), quantized.int().to(torch.int32))
    (value * cotangent).sum().backward()
    (quantized.value * cotangent).sum().backward()
    return leaf.grad, layer.weight.grad


def test_max_range(bits, granularity):
    layer = theirs(kind(granularity, "Int8Weight"), bits)
    quantizer = ours("max_range", bits, granularity)
    check_same(layer, quantizer)
    torch.testing.assert_close(quantizer.scale.flatten(), layer.quant_weight().scale.flatten().detach())


def test_asymmetric(bits, granularity):
    layer = theirs(kind(granularity, "ShiftedUint8Weight"), bits)
    quantizer = ours("asymmetric", bits, granularity)
    check_same(layer, quantizer)
    torch.testing.assert_close(
        quantizer.zero_point.flatten(), layer.quant_weight().zero_point.flatten().detach()
    )


@pytest.mark.parametrize("name", ["learned_clip", "lsq"])
def test_a_learned_scale(bits, granularity, name):
    """Its gradient, and the weight's, at the same scale; ours is by the logarithm, or scaled as LSQ says."""
    quantizer = ours(name, bits, granularity)
    narrow = name == "learned_clip"
    layer = theirs(
        kind(granularity, "Int8Weight"),
        bits,
        weight_narrow_range=narrow,
        weight_scaling_impl_type=ScalingImplType.PARAMETER_FROM_STATS,
        weight_tensor_clamp_impl=TensorClamp,  # without it, the gradient of what is clipped passes too
    )
    layer.quant_weight()
    (parameter,) = [p for n, p in layer.named_parameters() if "scaling" in n]
    step = quantizer.decode(torch.ones_like(WEIGHT, dtype=torch.int32)).detach()
    step = step.flatten()[0] if granularity == "per_tensor" else step[:, :1]
    units = parameter.data / layer.quant_weight().scale.detach()
    parameter.data.copy_((step * units).view_as(parameter))
    mine, other = check_same(layer, quantizer)
    torch.testing.assert_close(mine, other)
    by_step = (parameter.grad * units.view_as(parameter)).flatten()
    if narrow:
        expected = by_step * step.flatten()
        got = quantizer.log_clip.grad.flatten()
    else:
        sharing = WEIGHT.numel() // quantizer.step.numel()
        expected = by_step / (sharing * quantizer.levels) ** 0.5
        got = quantizer.step.grad.flatten()
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_the_least_error(bits, granularity):
    """Their search is finer or coarser than ours by the bits; neither may be much worse."""
    layer = theirs(kind(granularity, "Int8Weight", "MSE"), bits)
    quantizer = ours("least_error_range", bits, granularity)
    error = (quantizer(WEIGHT) - WEIGHT).square().sum()
    assert error <= 1.02 * (layer.quant_weight().value.detach() - WEIGHT).square().sum()
