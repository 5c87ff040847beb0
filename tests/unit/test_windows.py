"""Windows of timesteps, counted on the spikes themselves."""

import numpy as np
import pytest
import torch
from torch import nn

from spareto.kernels.trains import pack
from spareto.neurons.lif import LIF
from spareto.profiling import profile
from spareto.profiling.windows import covered


def slow_covered(trains, window):
    """Elements, one by one, for trains of shape (time, neurons)."""
    count = 0
    for first in range(0, len(trains), window):
        part = trains[first : first + window]
        count += len(part) * sum(bool(part[:, neuron].any()) for neuron in range(part.shape[1]))
    return count


@pytest.mark.parametrize(("time", "neurons"), [(1, 3), (5, 8), (7, 19)])
def test_covered_equals_its_slow_twin(time, neurons):
    trains = np.random.default_rng(time).random((time, 4, neurons)) < 0.2
    counts = covered(pack(torch.from_numpy(trains.reshape(-1, neurons)).float())[0].reshape(time, 4, -1))
    assert counts.tolist() == [
        [slow_covered(trains[:, sample], window) for sample in range(4)] for window in range(1, time + 1)
    ]


def test_a_workload_holds_the_windows_of_its_spikes():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(2), nn.Linear(8, 3), LIF())
    frames = (np.random.default_rng(0).random((6, 5, 2, 2, 2)) < 0.3).astype(np.uint8)

    class Rates(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = network

        def forward(self, sequence):
            return self.layers(sequence).mean(0)

    (layer,) = profile(Rates(), frames, np.zeros(5, np.int64), batch_size=2).workload.layers
    trains = frames.reshape(6, 5, 8) != 0
    for window in range(1, 7):
        each = [slow_covered(trains[:, sample], window) for sample in range(5)]
        assert layer.input.in_windows(window) == pytest.approx(np.mean(each))
        assert layer.input.in_windows(window, "max") == max(each)
    assert layer.input.in_windows(1) == pytest.approx(layer.input.nonzero_mean)
    assert layer.input.in_windows(6) == pytest.approx(6 * layer.input.awake_mean)
    assert layer.input.in_windows(7) is None
