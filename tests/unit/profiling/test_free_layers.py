"""What a profile lists as free, what it refuses, and layers of odd kinds."""

import pytest
import torch
from torch import nn

import tiny
from counted import CONVS, SAMPLES, Network, T, convolution, events, workload
from spareto.core.errors import ConfigError
from spareto.layers.over_time import OverTime
from spareto.layers.residual import Residual
from spareto.layers.spiking_block import SpikingBlock
from spareto.neurons.lif import LIF
from spareto.profiling import profile


def test_free_layers_are_listed_with_the_reason():
    data = tiny.frame_data()
    free = profile(tiny.network(), data.test_frames, data.test_labels).workload.free
    assert {layer.kind for layer in free} == {"BatchNorm2d", "MaxPool2d", "BatchNorm1d"}
    assert all(layer.why for layer in free)


@pytest.mark.parametrize("connect", ["add", "and", "iand"])
def test_residual_connections_and_shortcuts_are_free_and_their_parts_are_counted(connect):
    class Membrane(nn.Module):
        def __init__(self, block):
            super().__init__()
            self.block = block

        def forward(self, sequence):
            return self.block(sequence, shortcut=sequence)

    def block():
        neuron = LIF(v_threshold=0.1)
        return SpikingBlock(convolution(CONVS["border"]), nn.BatchNorm2d(4), neuron)

    network = Network(block(), Residual(block(), connect=connect), Membrane(block()), block())
    record = workload(network, events())
    names = ["layers.0.conv", "layers.1.body.conv", "layers.2.block.conv", "layers.3.conv"]
    assert [layer.name for layer in record.layers] == names
    assert all(layer.neuron.kind == "lif" for layer in record.layers)
    assert record.layers[2].input.kind == ("analog" if connect == "add" else "spike")
    free = {layer.name: layer.kind for layer in record.free if layer.kind != "BatchNorm2d"}
    assert free == {"layers.1": "Residual", "layers.2.block.shortcut": "shortcut"}


def refusal(network, frames=None):
    with pytest.raises(ConfigError) as error:
        workload(network, events() if frames is None else frames)
    return str(error.value)


def test_what_runs_element_by_element_is_listed_and_not_charged():
    class Shift(nn.Module):
        def forward(self, x):
            return x * 2 + 1

    network = Network(OverTime(nn.Conv2d(4, 4, 1), nn.ReLU(), Shift()), LIF())
    free = workload(network, events()).free
    assert [(layer.name, layer.kind) for layer in free] == [("layers.0.1", "ReLU"), ("layers.0.2", "Shift")]
    assert free[1].why == "runs no product; what it does element by element is not charged"


def test_layers_that_nobody_can_cost_are_all_listed():
    network = Network(OverTime(nn.Conv2d(4, 4, 1), nn.LPPool2d(2, 2), nn.LPPool2d(1, 1)), LIF())
    lines = refusal(network).splitlines()
    assert [line.split(";")[0] for line in lines] == [
        f"layer 'layers.0.{place}': got LPPool2d" for place in (1, 2)
    ]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": (2, 3), "padding": "same"},
        {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": 2, "dilation": (1, 2), "groups": 2, "stride": 2},
    ],
    ids=str,
)
def test_convolutions_of_other_paddings_and_dilations_are_counted_as_torch_runs_them(options):
    conv, frames = convolution(options), events()
    (layer,) = workload(Network(OverTime(conv), LIF()), frames).layers
    mask, anything = nn.Conv2d(4, 4, bias=False, **options), nn.Conv2d(4, 4, bias=False, **options)
    mask.weight.data, anything.weight.data = (conv.weight.data != 0).float(), torch.ones_like(conv.weight)
    live = torch.from_numpy(frames).flatten(0, 1).ne(0).float()
    with torch.inference_mode():
        effectual = mask(live).reshape(T, SAMPLES, -1).sum((0, 2)).numpy()
        reached = anything(live).reshape(T, SAMPLES, -1).sum((0, 2)).numpy()
        touched = (mask(live) > 0).reshape(T, SAMPLES, -1).sum((0, 2)).numpy()
    assert (layer.effectual_synops_mean, layer.effectual_synops_max) == (effectual.mean(), effectual.max())
    assert (layer.reached_synops_mean, layer.reached_synops_max) == (reached.mean(), reached.max())
    assert (layer.touched_updates_mean, layer.touched_updates_max) == (touched.mean(), touched.max())
    with torch.inference_mode():
        assert layer.plane == tuple(conv(live).shape[2:])


def test_neurons_that_no_layer_feeds_are_charged_alone():
    conv, frames = convolution(CONVS["border"]), events()
    for layers, kinds in (
        ((LIF(v_threshold=0.4), OverTime(conv)), ["neurons", "conv2d"]),
        ((OverTime(conv), LIF(v_threshold=0.1), LIF(v_threshold=0.4)), ["conv2d", "neurons"]),
    ):
        record = workload(Network(*layers), frames)
        assert [layer.kind for layer in record.layers] == kinds
        alone = record.layers[kinds.index("neurons")]
        assert (alone.neuron.kind, alone.neuron.count, alone.timesteps) == ("lif", 4 * 5 * 6, T)
        assert alone.note == "No layer feeds these neurons, so they are charged alone."
        assert alone.effectual_synops_mean == alone.input.nonzero_mean > 0
        if kinds[0] == "neurons":
            assert alone.input.nonzero_mean == (frames != 0).sum() / SAMPLES
            assert alone.output.nonzero_mean == record.layers[1].input.nonzero_mean
        else:
            assert alone.input.nonzero_mean == record.layers[0].output.nonzero_mean
        weights = record.layers[kinds.index("conv2d")]
        assert record.weight_sparsity == weights.weight_sparsity


def test_a_dense_layer_may_be_given_time_and_batch():
    class Direct(nn.Module):
        def __init__(self, linear):
            super().__init__()
            self.linear, self.lif = linear, LIF()

        def forward(self, frames):
            return self.lif(self.linear(frames.flatten(2))).mean(0)

    torch.manual_seed(0)
    linear = nn.Linear(120, 6)
    merged = Network(OverTime(nn.Flatten(), linear), LIF())
    (expected,) = workload(merged, events()).layers
    (layer,) = workload(Direct(linear), events()).layers
    assert layer == expected.model_copy(update={"name": "linear"})
