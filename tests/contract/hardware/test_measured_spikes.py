"""Nothing depends on the statistical fallback where data is present: spikes cost what is encoded."""

import numpy as np
import pytest
import torch
from torch import nn

from spareto import formats, hardware
from spareto.hardware.counting.activity import input_train, output_train
from spareto.layers.over_time import OverTime
from spareto.networks import build
from spareto.neurons import SpikingNeuron
from spareto.profiling import profile

NAMES, MEASURED = formats.on_chips(), tuple(formats.measured_formats())
STATISTICS = {"mean": np.mean, "max": np.max}
T, SAMPLES, SENSOR = 6, 5, (2, 16, 16)


def moving_patches():
    """Frames in which a small noisy patch moves, so that spikes lie close together; the last is silent."""
    rng = np.random.default_rng(0)
    frames = np.zeros((T, SAMPLES, *SENSOR), np.uint8)
    for sample in range(SAMPLES - 1):
        y, x = rng.integers(0, 6, 2)
        for step in range(T):
            frames[step, sample, :, y + step : y + step + 4, x + step : x + step + 4] = (
                rng.random((2, 4, 4)) < 0.7
            )
    return frames


def network():
    """Two convolutions and a read-out, loud enough for spikes everywhere."""
    torch.manual_seed(0)
    model = build("conv", sensor=SENSOR, classes=3, channels=(6, 8), votes=2)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data *= 6
    return model


def watched(model, seen):
    """Keep what enters every layer and leaves every neuron in the last run, which is on all samples."""

    def keep(module, tensor, side):
        seen[side][module] = tensor

    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_pre_hook(lambda module, inputs: keep(module, inputs[0], "input"))
        elif isinstance(module, SpikingNeuron):
            module.register_forward_hook(lambda module, _, spikes: keep(module, spikes, "output"))
    return model


@pytest.fixture(scope="module")
def measured():
    """The workload of a small network, and the spikes that it was measured on."""
    kept = {"input": {}, "output": {}}
    model = watched(network(), kept)
    workload = profile(model, moving_patches(), np.zeros(SAMPLES, np.int64)).workload
    seen = {
        side: [tensor.reshape(T, SAMPLES, -1).numpy() != 0 for tensor in tensors.values()]
        for side, tensors in kept.items()
    }
    return workload, seen


def encoded(name, trains):
    """Lengths of every sample's encoding."""
    fmt = formats.registry.make(name)
    samples = trains.transpose(1, 0, 2).astype(np.uint8)
    return [fmt.encode(spikes, fmt.spike_width).size(fmt.spike_width).bits for spikes in samples]


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("name", NAMES)
def test_spikes_take_what_the_encoder_writes(measured, name, statistic):
    workload, seen = measured
    assert len(workload.layers) == len(seen["input"]) == len(seen["output"]) == 3
    for layer, inputs, outputs in zip(workload.layers, seen["input"], seen["output"], strict=True):
        for train, spikes in (
            (input_train(layer, statistic), inputs),
            (output_train(layer, statistic), outputs),
        ):
            exact = STATISTICS[statistic](encoded(name, spikes))
            assert formats.spike_bits(name, train) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("name", ["rle", "block_bitmask"])
def test_the_estimate_is_off_where_spikes_lie_close_together(measured, name):
    workload, seen = measured
    train = input_train(workload.layers[0], "mean")
    exact = np.mean(encoded(name, seen["input"][0]))
    assert abs(formats.registry.make(name).spike_bits(train) - exact) > 0.05 * exact


@pytest.mark.parametrize("chip", hardware.accelerator_names())
def test_no_engine_asks_for_an_estimate(measured, chip, monkeypatch):
    def refuse(self, train, bits):
        raise AssertionError(f"{type(self).__name__} was estimated")

    for name in MEASURED:
        monkeypatch.setattr(formats.registry.get(name), "expected_bits", refuse)
    accelerator = hardware.load_accelerator(chip)
    for name in (*MEASURED, formats.BEST):
        for statistic in STATISTICS:
            assert (
                hardware.cost(measured[0], accelerator, spike_format=name, statistic=statistic).energy_pj > 0
            )


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("name", MEASURED)
def test_memories_move_the_measured_bits(measured, name, statistic):
    workload, seen = measured
    chip = hardware.load_accelerator("eyeriss_like")
    found = hardware.cost(workload, chip, spike_format=name, statistic=statistic)
    for layer, inputs, outputs in zip(found.layers, seen["input"], seen["output"], strict=True):
        moved = {(each.tensor, each.action): each.bits for each in layer.actions if each.component == "dram"}
        for key, spikes in ((("inputs", "read"), inputs), (("outputs", "write"), outputs)):
            exact = STATISTICS[statistic](encoded(name, spikes))
            assert moved[key] == pytest.approx(exact)


def test_analog_tensors_are_not_sized():
    model = nn.Sequential(OverTime(nn.Conv2d(2, 3, 3, bias=False)))

    class Rates(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = model

        def forward(self, frames):
            return self.layers(frames).mean((0, 3, 4))

    frames = moving_patches() * 2
    (layer,) = profile(Rates(), frames, np.zeros(SAMPLES, np.int64)).workload.layers
    assert (layer.input.kind, layer.input.stored_bits) == ("analog", {})
    assert (layer.output.kind, layer.output.stored_bits) == ("analog", {})
