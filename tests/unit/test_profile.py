"""What a profile counts, against counts by plain loops over small tensors."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

import tiny
from counted import CONVS, SAMPLES, Network, T, convolution, events, workload
from spareto import recipes
from spareto.compression import compress
from spareto.layers.over_time import OverTime
from spareto.neurons import SpikingNeuron
from spareto.neurons.lif import LIF
from spareto.profiling import StorageWidths, profile
from spareto.records import LayerFilter


def met_by_loops(conv, frame):
    """Live weights, and weights of any value, that a non-zero input meets in one frame."""
    weight = conv.weight.detach().numpy()
    (rows, columns), (down, right) = conv.kernel_size, conv.stride
    top, left = conv.padding
    height = (frame.shape[1] + 2 * top - rows) // down + 1
    width = (frame.shape[2] + 2 * left - columns) // right + 1
    inputs, outputs = weight.shape[1], weight.shape[0] // conv.groups
    live = reached = 0
    for m, p, q in product(range(weight.shape[0]), range(height), range(width)):
        for c, r, s in product(range(inputs), range(rows), range(columns)):
            y, x = p * down - top + r, q * right - left + s
            inside = 0 <= y < frame.shape[1] and 0 <= x < frame.shape[2]
            if inside and frame[m // outputs * inputs + c, y, x]:
                reached += 1
                live += weight[m, c, r, s] != 0
    return live, reached


@pytest.mark.parametrize("options", CONVS.values(), ids=CONVS)
def test_synaptic_operations_of_a_convolution(options):
    conv, frames = convolution(options), events()
    (layer,) = workload(Network(OverTime(conv), LIF()), frames).layers
    counted = np.array([[met_by_loops(conv, frame) for frame in timestep] for timestep in frames]).sum(0)
    assert layer.effectual_synops_mean == counted[:, 0].mean()
    assert layer.effectual_synops_max == counted[:, 0].max()
    assert layer.reached_synops_mean == counted[:, 1].mean()
    assert layer.reached_synops_max == counted[:, 1].max()
    assert layer.effectual_synops_mean < layer.reached_synops_mean < layer.dense_synops


@pytest.mark.parametrize("options", CONVS.values(), ids=CONVS)
def test_effectual_operations_follow_from_the_inputs_each_kernel_place_meets(options):
    conv = convolution(options)
    (layer,) = workload(Network(OverTime(conv), LIF()), events()).layers
    live = layer.weight_mask.array().reshape(layer.groups, -1, *layer.weight_mask.shape[1:]).sum(1)
    reaching = layer.reaching.array().reshape(live.shape)
    assert (live * reaching).sum() == pytest.approx(layer.effectual_synops_mean)
    per_output = layer.out_channels // layer.groups
    assert reaching.sum() * per_output == pytest.approx(layer.reached_synops_mean)


def touched_by_loops(conv, frame):
    """Outputs of one frame that a live weight and a non-zero input meet."""
    weight, (down, right), (top, left) = conv.weight.detach().numpy(), conv.stride, conv.padding
    padded = np.pad(frame, ((0, 0), (top, top), (left, left)))
    outputs = weight.shape[0] // conv.groups
    touched = 0
    for m, live in enumerate(weight != 0):
        seen = padded[m // outputs * len(live[:, 0, 0]) :][: len(live)]
        rows = range(0, padded.shape[1] - live.shape[1] + 1, down)
        columns = range(0, padded.shape[2] - live.shape[2] + 1, right)
        for y, x in product(rows, columns):
            touched += bool((seen[:, y : y + live.shape[1], x : x + live.shape[2]] * live).any())
    return touched


@pytest.mark.parametrize("options", CONVS.values(), ids=CONVS)
def test_touched_neurons_silent_inputs_and_spikes_by_channel(options):
    conv, frames = convolution(options, pruned=0.8), events(density=0.1)
    (layer,) = workload(Network(OverTime(conv), LIF()), frames).layers
    touched = np.array([[touched_by_loops(conv, frame) for frame in step] for step in frames]).sum(0)
    assert (layer.touched_updates_mean, layer.touched_updates_max) == (touched.mean(), touched.max())
    awake = frames.any(0).reshape(SAMPLES, -1).sum(1)
    assert (layer.input.awake_mean, layer.input.awake_max) == (awake.mean(), awake.max())
    by_channel = (frames != 0).sum((1, 3, 4)) / SAMPLES
    assert np.array_equal(layer.input.nonzero_by_channel.array(), by_channel)


def test_synaptic_operations_of_a_dense_layer():
    torch.manual_seed(0)
    linear = nn.Linear(120, 7, bias=False)
    linear.weight.data *= torch.rand(7, 120) > 0.5
    frames = events()
    (layer,) = workload(Network(OverTime(nn.Flatten(), linear)), frames).layers
    live = (linear.weight != 0).sum(0).numpy()
    counted = frames.reshape(T, SAMPLES, -1) @ live
    assert layer.effectual_synops_mean == counted.sum(0).mean()
    assert layer.effectual_synops_max == counted.sum(0).max()
    assert layer.reached_synops_mean == 7 * frames.sum() / SAMPLES
    assert (layer.kind, layer.kernel, layer.input.shape, layer.output.shape) == (
        "linear",
        (1, 1),
        (120, 1, 1),
        (7, 1, 1),
    )


def test_shapes_and_spikes_of_a_layer_and_its_neurons():
    conv, frames = convolution(CONVS["stride"]), events()
    neuron = LIF()
    network = Network(OverTime(conv), neuron, OverTime(nn.MaxPool2d(2)))
    record = workload(network, frames, widths=StorageWidths(state=12))
    (layer,) = record.layers
    assert (record.samples, record.timesteps, layer.timesteps) == (SAMPLES, T, T)
    assert (layer.stride, layer.padding, layer.groups) == ((2, 2), (1, 1), 1)
    assert (layer.input.shape, layer.output.shape) == ((4, 5, 6), (4, 3, 3))
    assert (layer.neuron.kind, layer.neuron.count, layer.neuron.state_bits) == ("lif", 36, 12)
    assert np.array_equal(layer.weight_mask.array(), conv.weight.detach().numpy() != 0)
    assert (layer.input.kind, layer.input.bits, layer.output.kind, layer.output.bits) == (
        "spike",
        1,
        "spike",
        1,
    )
    with torch.inference_mode():
        spikes = neuron(OverTime(conv)(torch.from_numpy(frames).float())).numpy()
    for tensor, values in ((layer.input, frames), (layer.output, spikes)):
        totals = values.reshape(T, SAMPLES, -1).sum(2)
        assert tensor.nonzero_mean == totals.sum(0).mean()
        assert tensor.nonzero_max == totals.sum(0).max()
        assert tensor.nonzero_per_timestep == tuple(totals.mean(1))
        assert sum(tensor.nonzero_per_timestep) == pytest.approx(tensor.nonzero_mean)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 64])
def test_the_batch_size_does_not_change_the_counts(batch_size):
    data, network = tiny.frame_data(), tiny.network()
    whole = profile(network, data.test_frames, data.test_labels)
    parts = profile(network, data.test_frames, data.test_labels, batch_size=batch_size)
    assert parts == whole


def test_accuracy_is_the_share_of_right_answers():
    data, network = tiny.frame_data(), tiny.network().eval()
    with torch.inference_mode():
        answers = network(torch.from_numpy(data.test_frames).float()).argmax(1).numpy()
    assert profile(network, data.test_frames, answers).accuracy == 1.0
    wrong = np.where(np.arange(8) < 2, 1 - answers, answers)
    assert profile(network, data.test_frames, wrong).accuracy == 0.75


def test_counts_are_an_analog_input():
    conv = convolution(CONVS["border"])
    network = Network(OverTime(conv), LIF())
    (analog,) = workload(network, events(most=3), widths=StorageWidths(analog=6)).layers
    assert (analog.input.kind, analog.input.bits) == ("analog", 6)
    assert analog.input.nonzero_mean == (events(most=3) != 0).sum() / SAMPLES
    assert analog.output.kind == "spike"


def test_without_neurons_the_output_is_what_the_layer_puts_out():
    (layer,) = workload(Network(OverTime(convolution(CONVS["border"]))), events()).layers
    assert layer.neuron is None
    assert layer.output.kind == "analog"


class Stepping(SpikingNeuron):
    """A neuron that keeps its state from call to call, as other frameworks' do."""

    kind = "stepping"

    def __init__(self):
        super().__init__()
        self.lif = (LIF(),)  # not a part that should run by itself
        self.state = None

    def initial_state(self, current):
        return self.lif[0].initial_state(current)

    def step(self, current, state):
        return self.lif[0].step(current, state)

    def forward(self, current):
        if self.state is None or self.state.shape != current[0].shape:
            self.state = self.initial_state(current[0])
        spikes, self.state = self.step(current[0], self.state)
        return spikes[None]


class StepByStep(nn.Module):
    """Calls every layer once a timestep."""

    def __init__(self, conv, linear):
        super().__init__()
        self.conv, self.first, self.linear, self.last = conv, Stepping(), linear, Stepping()

    def forward(self, frames):
        self.first.state = self.last.state = None
        rates = 0
        for frame in frames:
            hidden = self.first(self.conv(frame)[None])[0]
            rates = rates + self.last(self.linear(hidden.flatten(1))[None])[0]
        return rates / len(frames)


def test_a_network_called_step_by_step_gives_the_same_counts():
    torch.manual_seed(1)
    conv, linear = convolution(CONVS["border"]), nn.Linear(120, 6, bias=False)
    linear.weight.data *= 4
    at_once = Network(OverTime(conv), LIF(), OverTime(nn.Flatten(), linear), LIF())
    expected = workload(at_once, events())
    stepped = workload(StepByStep(conv, linear), events(), batch_size=3)
    for one, other in zip(stepped.layers, expected.layers, strict=True):
        renamed = {"name": one.name, "neuron": one.neuron}
        assert one == other.model_copy(update=renamed)
        assert one.neuron.count == other.neuron.count


def test_the_width_of_a_weight_is_what_its_compression_says():
    data = tiny.frame_data()
    recipe = recipes.quantize(3).model_copy(update={"layers": LayerFilter(include=("features.*",))})
    compressed = compress(tiny.network(), recipe)
    record = profile(compressed, data.test_frames, data.test_labels).workload
    assert {layer.name: layer.weight_bits for layer in record.layers} == {
        "features.0.conv": 3,
        "readout.0.linear": 32,
    }


def test_zeros_of_a_compressed_weight_are_zeros_of_the_mask():
    data = tiny.frame_data()
    compressed = compress(tiny.network(), recipes.joint(2, 0.6)).eval()
    record = profile(compressed, data.test_frames, data.test_labels).workload
    for layer in record.layers:
        weight = compressed.get_submodule(layer.name).weight
        assert np.array_equal(layer.weight_mask.array().reshape(weight.shape), (weight != 0).numpy())
        assert layer.weight_bits == 2
    assert record.weight_sparsity * 162 >= 97 - 1e-6  # 60 % of 162 weights, rounded


def test_profiling_leaves_no_hook_and_no_change():
    data, network = tiny.frame_data(), tiny.network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    profile(network, data.test_frames, data.test_labels)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
