"""Max pooling of currents before the neurons: values, places, gradients, and the layer in one."""

import math
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from spareto import kernels
from spareto.kernels import c_layers, c_pooling, library, pooling
from spareto.kernels.c_layers import ConvShape, Gradient, padded
from spareto.kernels.decision_log import DecisionSlot
from spareto.kernels.sums import ConvSums, dense_input_gradient
from spareto.layers._pooled_currents import pooled_currents
from spareto.neurons import registry as neurons

pytestmark = pytest.mark.skipif(library.backend() != "c", reason="the C kernels do not run here")
QUICK = settings(max_examples=60, deadline=None)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@contextmanager
def torch_threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@given(
    *(st.integers(1, 3), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9)),
    *(st.integers(1, 3), st.integers(1, 3), st.sampled_from([None, math.nan, math.inf, -math.inf])),
)
@QUICK
def test_values_and_gradients_are_those_of_torch(images, channels, height, width, high, wide, odd):
    assume(high <= height and wide <= width)
    y = draw(images, height, width, channels).round()  # many are alike
    if odd is not None:
        y.view(-1)[y.numel() // 2] = odd
    theirs = y.permute(0, 3, 1, 2).clone().requires_grad_()
    ours = y.clone().requires_grad_()
    expected = F.max_pool2d(theirs, (high, wide))
    found = pooling.largest(ours, (high, wide))
    torch.testing.assert_close(found, expected.permute(0, 2, 3, 1), rtol=0, atol=0, equal_nan=True)
    g = draw(*found.shape, seed=1)
    found.backward(g)
    expected.backward(g.permute(0, 3, 1, 2))
    assert torch.equal(ours.grad, theirs.grad.permute(0, 2, 3, 1))


@given(
    *(st.integers(1, 3), st.integers(1, 70), st.integers(1, 40), st.integers(1, 13), st.integers(1, 13)),
    *(st.tuples(st.integers(1, 6), st.integers(1, 6)), st.tuples(st.integers(1, 3), st.integers(1, 2))),
    *(st.tuples(st.integers(0, 4), st.integers(0, 4)), st.tuples(st.integers(1, 3), st.integers(1, 3))),
    st.sampled_from([1, 2]),
)
@QUICK
def test_sums_and_gradients_from_pooled_outputs_are_those_of_all_outputs(
    images, inputs, outputs, height, width, kernel, stride, padding, window, threads
):
    out = [
        (n + 2 * p - k) // t + 1 for n, p, k, t in zip((height, width), padding, kernel, stride, strict=True)
    ]
    assume(out[0] >= window[0] and out[1] >= window[1])
    s = ConvShape(images, height, width, inputs, *out, padded(outputs), *kernel, *stride, *padding)
    spikes = (draw(images, inputs, height, width) > 0.5).float()
    bits, events = c_layers.pack(spikes, inputs, height * width)[0], int(spikes.sum())
    made, weight = ConvSums(s, events), draw(outputs, inputs, *kernel)
    with torch_threads(threads):
        z, places = c_pooling.pooled_sums(bits, weight, s, window, events)
        y, _ = made.forward(bits, weight)
        expected = c_pooling.behind((images, *out, s.OC), window)
        c_pooling.max_pool(y, window, *expected)
        assert torch.equal(z, expected[0])
        assert torch.equal(places, expected[1])
        dz = draw(*z.shape, seed=2) * (draw(*z.shape, seed=3) > 0)
        dz[..., outputs:] = 0
        found = (
            c_pooling.pooled_weight_gradient(bits, dz, places, weight, s, window),
            c_pooling.pooled_input_gradient(dz, places, weight, s, window),
        )
        dy = c_pooling.max_pool_gradient(dz, places, (images, *out, s.OC), window)
        slow = made.weight_gradient(bits, Gradient(dy), weight), dense_input_gradient(dy, weight, s, False)
    for one, other in zip(found, slow, strict=True):
        assert (one.double() - other.double()).norm() <= 2e-6 * max(float(other.norm()), 1e-6)


@pytest.mark.parametrize("size", [(40, 40), (3, 300)])
def test_images_larger_than_a_strip_are_taken_strip_by_strip(size):
    s = ConvShape(2, *size, 33, *size, 16, 3, 3, 1, 1, 1, 1)
    spikes = (draw(2, 33, *size) > 0.5).float()
    bits, weight = c_layers.pack(spikes, 33, math.prod(size))[0], draw(9, 33, 3, 3)
    z, places = c_pooling.pooled_sums(bits, weight, s, (2, 2), int(spikes.sum()))
    dz = draw(*z.shape, seed=2)
    dz[..., 9:] = 0
    dy = c_pooling.max_pool_gradient(dz, places, (2, *size, 16), (2, 2))[..., :9].permute(0, 3, 1, 2)
    dx, dw, _ = torch.ops.aten.convolution_backward(
        *(dy.double(), spikes.double(), weight.double(), None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1),
        [True, True, False],
    )
    found = c_pooling.pooled_weight_gradient(bits, dz, places, weight, s, (2, 2))
    torch.testing.assert_close(found.double(), dw, rtol=1e-5, atol=1e-4)
    found = c_pooling.pooled_input_gradient(dz, places, weight, s, (2, 2)).permute(0, 3, 1, 2)
    torch.testing.assert_close(found.double(), dx, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("few", [True, False])
def test_which_weight_gradient_runs_changes_nothing_but_time(monkeypatch, few):
    monkeypatch.setattr(pooling, "few_outputs", lambda *_: few)
    conv, pool, neuron = nn.Conv2d(6, 20, 5), nn.MaxPool2d(2), neurons.make("lif")
    torch.manual_seed(1)
    nn.init.normal_(conv.weight, 0.0, 0.2)
    sequence = torch.rand(4, 3, 6, 13, 12)
    ours, theirs = (run(conv, pool, neuron, sequence, fused) for fused in (True, False))
    for found, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def run(conv, pool, neuron, sequence, fused):
    """Spikes and the gradients of input, weight and bias, of the layers in one or one by one."""
    spikes = neurons.make("lif")(sequence * 4)
    conv.zero_grad()
    if fused:
        packed = kernels.pack(spikes)
        packed.carrier = packed.carrier.clone().requires_grad_()
        fired = kernels.dense(pooled_currents(conv, pool, neuron, packed, DecisionSlot()))
        (fired * draw(*fired.shape, seed=3)).sum().backward()
        gradient = packed.carrier.grad.movedim(-1, 1).unflatten(0, sequence.shape[:2])
    else:
        given = spikes.requires_grad_()
        fired = neuron(pool(conv(given.flatten(0, 1))).unflatten(0, sequence.shape[:2]))
        (fired * draw(*fired.shape, seed=3)).sum().backward()
        gradient = given.grad
    return fired.detach(), gradient, conv.weight.grad.clone(), conv.bias.grad.clone()


@pytest.mark.parametrize("reset", ["zero", "subtract", "subtract_delayed"])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "groups", "sides"),
    [(5, 1, 0, 1, 2), (3, 1, 1, 1, 2), (3, 2, 1, 1, (3, 2)), (3, 1, 1, 2, 2), (1, 1, 0, 1, 2)],
)
def test_the_layer_is_its_parts(monkeypatch, kernel, stride, padding, groups, sides, reset):
    torch.manual_seed(0)
    monkeypatch.setattr(pooling, "TOGETHER", 4096)  # an image or two at a time
    conv, pool = nn.Conv2d(6, 20, kernel, stride, padding, groups=groups), nn.MaxPool2d(sides)
    nn.init.normal_(conv.weight, 0.0, 1.5 / math.sqrt(conv.weight[0].numel()))
    neuron = neurons.make("lif", reset=reset)
    sequence = torch.rand(4, 3, 6, 13, 12)
    ours, theirs = (run(conv, pool, neuron, sequence, fused) for fused in (True, False))
    assert torch.equal(ours[0], theirs[0])
    assert 0.02 < ours[0].mean() < 0.9
    for found, expected in zip(ours[1:], theirs[1:], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_real_values_go_through_sums_of_torch():
    torch.manual_seed(0)
    conv, pool, neuron = nn.Conv2d(2, 7, 3), nn.MaxPool2d(2), neurons.make("lif")
    sequence, slot = torch.rand(3, 2, 2, 9, 8) * 3, DecisionSlot()
    found = pooled_currents(conv, pool, neuron, sequence, slot)
    assert slot.latest is not None
    assert slot.latest.way == "dense"
    expected = neuron(pool(conv(sequence.flatten(0, 1))).unflatten(0, (3, 2)))
    assert torch.equal(kernels.dense(found), expected)


def test_weights_that_are_not_finite_meet_silent_inputs_too():
    conv, pool, neuron = nn.Conv2d(2, 3, 3), nn.MaxPool2d(2), neurons.make("lif")
    with torch.no_grad():
        conv.weight[1, 0, 0, 0] = math.inf
    packed = kernels.pack(torch.zeros(2, 1, 2, 6, 6))
    packed.carrier = packed.carrier.clone().requires_grad_()
    fired = kernels.dense(pooled_currents(conv, pool, neuron, packed, DecisionSlot()))
    fired.sum().backward()
    assert conv.weight.grad[1].isnan().all()  # 0 times infinity


@pytest.mark.parametrize(
    ("pool", "why"),
    [
        (nn.AvgPool2d(2), "averages"),
        (nn.MaxPool2d(2, stride=1), "overlap"),
        (nn.MaxPool2d(2, padding=1), "padding"),
        (nn.MaxPool2d(9), "larger than what is pooled"),
        (nn.MaxPool2d(2, ceil_mode=True), "ceil mode"),
    ],
)
def test_other_poolings_are_left_to_torch(pool, why):
    conv, neuron = nn.Conv2d(2, 3, 3), neurons.make("lif")
    assert pooled_currents(conv, pool, neuron, torch.zeros(2, 1, 2, 6, 6), DecisionSlot()) is None, why


def test_it_runs_one_by_one_where_somebody_looks():
    conv, pool, neuron = nn.Conv2d(2, 3, 3), nn.MaxPool2d(2), neurons.make("lif")
    sequence = torch.zeros(2, 1, 2, 6, 6)
    with kernels.reference():
        assert pooled_currents(conv, pool, neuron, sequence, DecisionSlot()) is None
    handle = conv.register_forward_hook(lambda *_: None)
    assert pooled_currents(conv, pool, neuron, sequence, DecisionSlot()) is None
    handle.remove()
    assert pooled_currents(conv, pool, neuron, sequence, DecisionSlot()) is not None
