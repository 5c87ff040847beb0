"""Brevitas models: their quantized weights become our codes, to the bit, and the spikes stay."""

import warnings

import pytest
import torch
from torch import nn

import spareto
from conventions import peer
from spareto.compression.parametrization import compressed_weight
from spareto.core.errors import SparetoError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("brevitas", reason="brevitas is not installed")
    import brevitas.nn as qnn
    from brevitas import quant

pytestmark = pytest.mark.filterwarnings("ignore")
X = (torch.rand(6, 4, 1, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.4).float()


def model(weight_quant, **options):
    neuron = peer("spikingjelly.activation_based.neuron")
    flat = peer("spikingjelly.activation_based.layer").Flatten
    torch.manual_seed(0)
    options = {"weight_quant": weight_quant, **options}
    return nn.Sequential(
        *(qnn.QuantConv2d(1, 4, 3, padding=1, **options), neuron.LIFNode(tau=2.0), flat()),
        *(qnn.QuantLinear(256, 10, bias=True, **options), neuron.LIFNode(tau=2.0)),
    ).eval()


KINDS = [
    (quant.Int8WeightPerTensorFloat, {}, 8, "max_range"),
    (quant.Int8WeightPerTensorFloat, {"weight_bit_width": 4}, 4, "max_range"),
    (quant.Int8WeightPerChannelFloat, {"weight_bit_width": 3}, 3, "max_range"),
    (quant.Int8WeightPerTensorFloat, {"weight_bit_width": 4, "weight_narrow_range": False}, 4, "lsq"),
    (quant.Int8WeightPerTensorFixedPoint, {"weight_bit_width": 5}, 5, "max_range"),
    (quant.ShiftedUint8WeightPerTensorFloat, {"weight_bit_width": 4}, 4, "asymmetric"),
    (quant.ShiftedUint8WeightPerChannelFloat, {"weight_bit_width": 4}, 4, "asymmetric"),
    (quant.SignedBinaryWeightPerTensorConst, {}, 1, None),
]


@pytest.mark.parametrize(("kind", "options", "bits", "name"), KINDS)
def test_quantized_weights_become_our_codes_to_the_bit(kind, options, bits, name):
    theirs = model(kind, **options)
    network = spareto.convert(theirs, X, time="calls")
    assert "is the original's" in network.notes[0]
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for layer, original in zip(layers, (theirs[0], theirs[3]), strict=True):
        weight = original.quant_weight()
        assert torch.equal(layer.weight, weight.value)
        part = compressed_weight(layer)
        if name is None and part is None:
            continue
        assert type(part.quantizer).__module__.endswith(name or "sign")
        assert part.quantizer.bits == bits
        zero = weight.zero_point if name == "asymmetric" and not weight.signed else 0
        codes = part.quantizer.encode(weight.value)
        if name in ("max_range", "lsq"):
            assert torch.equal(codes, weight.int().to(torch.int32))
        elif name == "asymmetric":
            assert torch.equal(codes - part.quantizer.zero_point, weight.int().float() - zero)


def test_it_lowers_to_the_same_integers_and_trains_on():
    theirs = model(quant.Int8WeightPerTensorFloat, weight_bit_width=4)
    network = spareto.convert(theirs, X, time="calls")
    lowered = spareto.lower(network.sequential(), sensor=(1, 8, 8), classes=10).network
    for (_, synapses), original in zip(lowered.synapses, (theirs[0], theirs[3]), strict=True):
        codes = original.quant_weight().int().numpy()
        assert (synapses.weights.reshape(codes.shape) == codes).all()
        assert synapses.bits == 4
    network.train()(X).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_quantized_activations_are_refused_by_name():
    theirs = model(quant.Int8WeightPerTensorFloat, input_quant=quant.Int8ActPerTensorFloat)
    with pytest.raises(SparetoError, match=r"'0'\.input_quant: got a quantizer of activations"):
        spareto.convert(theirs, X, time="calls")
    with pytest.raises(SparetoError, match="QuantLSTM"):
        spareto.convert(nn.Sequential(qnn.QuantLSTM(4, 4)), torch.rand(3, 2, 4))


def test_numbers_that_need_an_input_or_are_floats_are_refused_by_name():
    floats = pytest.importorskip("brevitas.quant.experimental.float").Fp8e4m3WeightPerTensorFloat
    for said, theirs in (
        ("Input scale required", model(quant.Int8WeightPerTensorFloat, bias_quant=quant.Int32Bias)),
        ("FloatQuantTensor has no integers", model(floats)),
    ):
        with pytest.raises(SparetoError, match=rf"'3': got numbers that Brevitas does not give \({said}\)"):
            spareto.convert(theirs, X, time="calls")


def test_the_model_is_left_as_it_was():
    theirs = model(quant.Int8WeightPerTensorFloat).train()
    before = {name: value.clone() for name, value in theirs.state_dict().items()}
    spareto.convert(theirs, X, time="calls")
    assert all(torch.equal(before[name], value) for name, value in theirs.state_dict().items())
    assert isinstance(theirs[0], qnn.QuantConv2d)
