"""Every fused layer is its reference, whatever its geometry, neuron and pooling."""

import math
from copy import deepcopy

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from spareto import kernels
from spareto.core.errors import ConfigError
from spareto.kernels import c_layers, spikes
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry as neurons
from spareto.neurons._family import Reset
from spareto.neurons.lif import LIF
from spareto.neurons.surrogates import registry as surrogates
from spareto.testing import layers as laws

pytestmark = pytest.mark.skipif(kernels.backend() != "c", reason="the C kernels do not run here")
QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much]
)
POOLS = {
    "none": lambda: None,
    "max2": lambda: nn.MaxPool2d(2),
    "max3": lambda: nn.MaxPool2d(3),
    "overlapping": lambda: nn.MaxPool2d(3, stride=2, padding=1),
    "max2x3": lambda: nn.MaxPool2d((2, 3)),
    "average": lambda: nn.AvgPool2d(2),
    "average3x2": lambda: nn.AvgPool2d((3, 2)),
    "average of all": lambda: nn.AdaptiveAvgPool2d(1),
    "overlapping average": lambda: nn.AvgPool2d(3, stride=2, padding=1),
}
NEEDS = {"none": 1, "average of all": 1, "max3": 3, "max2x3": 3, "average3x2": 3}


@pytest.fixture(autouse=True, scope="module")
def recompute_even_small_sums():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spareto.kernels.fused.SMALL", 0)
        yield


WITHOUT_KERNELS = ("multi_spike", "recurrent")
FAMILY = [name for name in neurons.names() if name not in WITHOUT_KERNELS]
TIMES = (1, 5, 8)


def events(*shape, density=0.3, seed=0):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < density).float()


def block(inputs=3, outputs=5, kernel=3, *, stride=1, padding=1, groups=1, bias=False, norm=True, **others):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=bias)
    nn.init.normal_(conv.weight, 0.05, 2.0 / math.sqrt(conv.weight[0].numel()))
    pool, neuron = others.get("pool", "max2"), others.get("neuron") or LIF()
    return SpikingBlock(conv, nn.BatchNorm2d(outputs) if norm else None, neuron, POOLS[pool]())


def dense(inputs, outputs, *, norm=True, bias=True, neuron=None, dropout=0.0):
    linear = nn.Linear(inputs, outputs, bias=bias)
    nn.init.normal_(linear.weight, 0.05, 2.0 / math.sqrt(inputs))
    norm = nn.BatchNorm1d(outputs) if norm else None
    return SpikingDense(linear, neuron or LIF(), norm, nn.Dropout(dropout) if dropout else None)


@st.composite
def geometries(draw):
    """A block that fits its input, and that input."""
    kernel = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    stride = (draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([1, 1, 2])))
    padding = tuple(draw(st.integers(0, side - 1)) for side in kernel)
    groups = draw(st.sampled_from([1, 1, 1, 2]))
    inputs = groups * draw(st.integers(1, 70 // groups))
    outputs = groups * draw(st.integers(1, 40 // groups))
    pool = draw(st.sampled_from(list(POOLS)))
    size = [draw(st.integers(1, 12)) for _ in range(2)]
    after = [(s + 2 * p - k) // t + 1 for s, p, k, t in zip(size, padding, kernel, stride, strict=True)]
    assume(min(after) >= NEEDS.get(pool, 2))
    torch.manual_seed(draw(st.integers(0, 100)))
    layer = block(
        *(inputs, outputs, kernel),
        stride=stride,
        padding=padding,
        groups=groups,
        pool=pool,
        bias=draw(st.booleans()),
        norm=draw(st.booleans()),
    )
    density = draw(st.sampled_from([0.0, 0.02, 0.3, 0.5, 1.0]))
    time, batch = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    return layer, events(time, batch, inputs, *size, density=density, seed=draw(st.integers(0, 100)))


@given(geometries(), st.booleans(), st.booleans())
@QUICK
def test_any_geometry_is_the_reference(geometry, recompute, evaluating):
    layer, sequence = geometry
    layer.train(not evaluating)
    currents = layer.conv(sequence.flatten(0, 1))
    assume(currents[:, 0].numel() > 1)
    assume(bool(currents.detach().var() > 0))  # of equal currents a batch norm's gradient is rounding only
    assume(not laws.decided_by_rounding(layer, sequence))
    laws.check_fused(layer, sequence, recompute=recompute)
    assert layer.decision is None  # the copies ran


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
@QUICK
def test_any_dense_stack_is_the_reference(inputs, outputs, time, norm, recompute, seed):
    torch.manual_seed(seed)
    layer = nn.Sequential(dense(inputs, 33, norm=norm), dense(33, outputs, norm=not norm))
    sequence = events(time, 3, inputs, seed=seed)
    assume(not laws.decided_by_rounding(layer, sequence))
    laws.check_fused(layer, sequence, recompute=recompute)


@pytest.mark.parametrize("reset", Reset.__args__)
@pytest.mark.parametrize("name", FAMILY)
def test_every_neuron_and_reset_is_the_reference(name, reset):
    shown = 0
    for number, surrogate in enumerate(surrogates.names()):
        for place, extra in enumerate(({}, {"detach_reset": False}, {"strict": True})):
            options = {"reset": reset, "surrogate": surrogate, **extra}
            options |= {"v_reset": -0.3} if reset == "value" else {}
            torch.manual_seed(1)
            stack = nn.Sequential(
                block(2, 18, neuron=neurons.make(name, **options)),
                block(18, 6, norm=False, pool="none", bias=True, neuron=neurons.make(name, **options)),
                dense(6 * 4 * 3, 5, neuron=neurons.make(name, **options)),
            )
            sequence = events(TIMES[(number + place) % 3], 2, 2, 8, 6)
            if not laws.decided_by_rounding(stack, sequence):
                laws.check_fused(stack, sequence)
                shown += 1
    assert shown >= 12  # of 18


@pytest.mark.parametrize("name", WITHOUT_KERNELS)
def test_neurons_without_kernels_run_as_the_reference(name):
    options = {"features": 7} if name == "recurrent" else {}
    layer, sequence = dense(30, 7, neuron=neurons.make(name, **options)), events(4, 2, 30)
    assert torch.equal(layer(sequence), deepcopy(layer)._reference(sequence))
    assert layer.decision.why == "its neurons have no kernel"


MISFITS = {
    "three channels for 70": (lambda: block(70), (4, 2, 3, 8, 8)),
    "70 channels for three": (lambda: block(3), (4, 2, 70, 8, 8)),
    "no channel": (lambda: block(3), (4, 2, 0, 8, 8)),
    "a channel of each group": (lambda: block(4, 6, groups=2), (4, 2, 2, 8, 8)),
    "no batch axis": (lambda: block(3), (4, 3, 8, 8)),
    "a line": (lambda: block(3), (4, 2, 3)),
    "volumes": (lambda: block(3), (4, 2, 3, 8, 8, 8)),
    "maps smaller than the kernel": (lambda: block(3, kernel=5, padding=1), (4, 2, 3, 8, 2)),
    "maps smaller than the pooling": (lambda: block(3, pool="max3"), (4, 2, 3, 2, 8)),
    "maps smaller than an average": (lambda: block(3, pool="average"), (4, 2, 3, 8, 1)),
    "300 features for 12": (lambda: dense(12, 5), (4, 2, 300)),
    "11 features for 300": (lambda: dense(300, 5), (4, 2, 11)),
    "maps of other features": (lambda: dense(300, 5), (4, 2, 3, 8, 8)),
    "no features": (lambda: dense(12, 5), (4, 12)),
    "a second block of other channels": (lambda: nn.Sequential(block(2, 5), block(70)), (4, 2, 2, 8, 8)),
    "a dense layer of other pixels": (lambda: nn.Sequential(block(2, 5), dense(70, 3)), (4, 2, 2, 8, 8)),
}


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("case", MISFITS)
def test_a_sequence_of_another_shape_is_refused(case, training):
    make, shape = MISFITS[case]
    laws.check_refused(make().train(training), events(*shape))


TYPES = [torch.uint8, torch.bool, torch.int64, torch.float16, torch.float64, torch.complex64]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_values_of_another_type_are_refused(dtype):
    laws.check_refused(block(3), events(4, 2, 3, 8, 8).to(dtype))
    laws.check_refused(dense(12, 5), events(4, 2, 12).to(dtype))
    for layer, sequence in ((block(3), events(4, 2, 3, 8, 8)), (dense(12, 5), events(4, 2, 12))):
        with pytest.raises(ConfigError, match=r"got torch.float32; expected torch.float64"):
            layer.double()(spikes.pack(sequence))


def test_all_that_does_not_fit_is_named():
    with pytest.raises(ConfigError) as error:
        block(3)(torch.zeros(4, 2, 7, 1, 1, dtype=torch.uint8))
    problems = [
        "got 7 channels; expected 3, those of its convolution. Build it for as many.",
        "got torch.uint8; expected floating-point values. Call .float() on them.",
        "got maps of 1 x 1 behind its convolution; expected maps that a pooling window of 2 x 2 fits in. "
        "Feed larger maps, or use fewer or smaller layers.",
    ]
    assert str(error.value).splitlines() == [f"layer 'spiking_block' (3 > 5): {line}" for line in problems]
    with pytest.raises(ConfigError) as error:
        dense(12, 5)(torch.zeros(4, 2, 3, 2, 1, dtype=torch.float64))
    problems = [
        "got 6 features, (3, 2, 1); expected 12, the inputs of its connections. Build it for as many.",
        "got torch.float64; expected torch.float32, as its weights are. Call .to(torch.float32) on them.",
    ]
    assert str(error.value).splitlines() == [f"layer 'spiking_dense' (12 > 5): {line}" for line in problems]


@given(geometries())
@QUICK
def test_what_torch_can_run_is_not_refused(geometry):
    layer, sequence = geometry
    with kernels.reference():
        assert layer.eval()(sequence).shape[3:].numel() >= 1


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_named_paddings_keep_what_fits(padding):
    layer = block(3, 5, 3, padding=padding, pool="none")
    laws.check_fused(layer, events(4, 2, 3, 3, 4))
    if padding == "valid":
        laws.check_refused(layer, events(4, 2, 3, 2, 4))


def test_autocast_brings_types_together():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for layer, sequence in ((block(3), events(4, 2, 3, 8, 8)), (dense(12, 5), events(4, 2, 12))):
            assert layer(sequence.bfloat16()).shape[:2] == (4, 2)
            laws.check_refused(layer, sequence.double())


def test_a_batch_norm_of_other_channels_is_left_to_torch():
    layer = block(3, 5).eval()
    layer.norm = nn.BatchNorm2d(4).eval()
    with pytest.raises(RuntimeError, match="should contain 5 elements"):
        layer(events(4, 2, 3, 8, 8))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("recompute", [False, True], ids=["kept", "recomputed"])
def test_a_whole_network_has_the_references_gradients(training, recompute):
    torch.manual_seed(0)
    network = nn.Sequential(
        block(2, 16), block(16, 32), block(32, 24, kernel=5, padding=2, pool="none"), dense(24 * 4 * 4, 20)
    )
    sequence = events(6, 3, 2, 16, 16, density=0.2)
    network(sequence)  # running statistics that are not those of a fresh network
    for layer in network.train(training)[:-1]:
        assert layer.decision.way == "events"
    assert not laws.decided_by_rounding(network, sequence)
    laws.check_fused(network, sequence, recompute=recompute)
    laws.check_repeatable(network, sequence)
    laws.check_time_batch_axes(network, sequence)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("recompute", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("norm", [True, False], ids=["batch norm", "bias"])
@pytest.mark.parametrize("large", [2 * 4 * 4 * 9 * 11 * 16, 1], ids=["two samples", "one, every layer"])
def test_large_layers_in_chunks_of_samples_are_the_reference(monkeypatch, large, norm, recompute, training):
    torch.manual_seed(0)
    options = {"norm": norm, "bias": not norm}
    network = nn.Sequential(
        block(2, 5, neuron=neurons.make("plif"), **options), block(5, 4, pool="none", **options)
    )
    sequence = events(4, 5, 2, 9, 11)
    network(sequence)
    monkeypatch.setattr("spareto.kernels.chunked.LARGE", large)
    laws.check_fused(network.train(training), sequence, recompute=recompute)


def test_only_large_sums_are_computed_again(monkeypatch):
    network, sequence, calls = block(2, 5), events(4, 2, 2, 9, 11), []
    summed = c_layers.conv_forward
    monkeypatch.setattr(c_layers, "conv_forward", lambda *given: calls.append(given) or summed(*given))
    for small, times in ((0, 2), (4 * 4 * 2 * 9 * 11 * 16, 1)):
        monkeypatch.setattr("spareto.kernels.fused.SMALL", small)
        calls.clear()
        with kernels.options(recompute=True):
            network(sequence).dense().sum().backward()
        assert len(calls) == times


@pytest.mark.parametrize("values", ["counts", "real", "wanted"])
def test_what_is_not_spikes_only_is_summed_densely(values):
    torch.manual_seed(0)
    layer, sequence = block(3, 5), events(4, 2, 3, 8, 8)
    sequence = {"counts": sequence * 2, "real": sequence * 0.7, "wanted": sequence.requires_grad_()}[values]
    laws.check_fused(layer, sequence)
    layer(sequence)
    assert layer.decision.way == "dense"
    assert layer.decision.why == "its input is not spikes only"


def test_one_count_among_spikes_is_noticed():
    for place in range(0, 3 * 5 * 7, 4):
        sequence = events(2, 1, 3, 5, 7)
        sequence.view(-1)[place] = 2.0
        assert spikes.pack(sequence) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda layer: layer.double(), "weights are torch.float64 on cpu"),
        (lambda layer: layer.conv.register_forward_hook(lambda *_: None), "hooks watch its parts"),
        (lambda layer: setattr(layer, "norm", nn.InstanceNorm2d(5)), "InstanceNorm2d has no kernel"),
        (
            lambda layer: setattr(layer, "neuron", neurons.make("recurrent", features=5)),
            "its neurons have no kernel",
        ),
    ],
)
def test_what_the_kernels_cannot_do_the_reference_does(change, why):
    layer = block(3, 5, pool="none")
    sequence = events(4, 2, 3, 1, 1) if "neurons" in why else events(4, 2, 3, 8, 8)
    change(layer)
    if "neurons" not in why:
        layer(sequence.to(layer.conv.weight.dtype))
        assert layer.decision.way == "reference"
    else:
        assert layer._why_reference(sequence, layer.conv.weight) == why
        return
    assert layer.decision.why == why


def test_empty_batches_and_scattered_memory():
    layer = block(3, 5)
    assert kernels.dense(layer(torch.zeros(4, 0, 3, 8, 8))).shape == (4, 0, 5, 4, 4)
    assert kernels.dense(layer(torch.zeros(0, 4, 3, 8, 8))).shape == (0, 4, 5, 4, 4)
    assert kernels.dense(dense(12, 5)(torch.zeros(0, 4, 12))).shape == (0, 4, 5)
    scattered = events(8, 3, 2, 8, 6).transpose(1, 2).transpose(3, 4)[::2]
    laws.check_fused(layer.eval(), scattered)


@pytest.mark.parametrize("recompute", [False, True])
def test_gradients_reach_a_parametrization(recompute):
    class Masked(nn.Module):
        def __init__(self, mask):
            super().__init__()
            self.mask = nn.Parameter(mask)

        def forward(self, weight):
            return weight * self.mask

    torch.manual_seed(0)
    network = nn.Sequential(block(2, 6), dense(6 * 4 * 4, 7))
    for layer in (network[0].conv, network[1].linear):
        parametrize.register_parametrization(
            layer, "weight", Masked((torch.rand(layer.weight.shape) < 0.5).float())
        )
    sequence = events(4, 2, 2, 8, 8)
    laws.check_fused(network, sequence, recompute=recompute)
    network(sequence)
    assert [layer.decision.way for layer in network] == ["events", "events"]


def test_bfloat16_leaves_the_spikes_alone(monkeypatch, caplog):
    torch.manual_seed(0)
    network, sequence = nn.Sequential(block(2, 16), block(16, 8)), events(4, 2, 2, 12, 12)
    exact = kernels.dense(network(sequence))
    for native in (True, False):
        monkeypatch.setattr("spareto.kernels.sums.native_bfloat16", lambda native=native: native)
        network.zero_grad()
        with kernels.options(bfloat16=True):
            assert torch.equal(kernels.dense(network(sequence)), exact)
            kernels.dense(network(sequence)).sum().backward()
        rough = network[0].conv.weight.grad.clone()
        network.zero_grad()
        kernels.dense(network(sequence)).sum().backward()
        error = (rough - network[0].conv.weight.grad).norm() / rough.norm()
        assert error < (0.02 if native else 1e-5)


def test_dropout_is_the_references():
    torch.manual_seed(0)
    layer, sequence = dense(30, 8, dropout=0.4), events(3, 4, 30)
    torch.manual_seed(5)
    fused = kernels.dense(layer(sequence))
    assert layer.decision.why == "dropout scales its input"
    with kernels.reference():
        torch.manual_seed(5)
        assert torch.equal(layer(sequence), fused)
    layer.eval()(sequence)
    assert layer.decision.way == "events"
