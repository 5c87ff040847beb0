"""Temporal-channel joint attention: its formula, its network, and what the profiler counts of it."""

import numpy as np
import pytest
import torch
from torch import nn

from spareto.compression import compress
from spareto.core.errors import ConfigError
from spareto.hardware import cost, load_accelerator
from spareto.layers.tcja import TCJA
from spareto.networks import build
from spareto.profiling import profile
from spareto.recipes import quantize
from spareto.testing.steps import state_bytes

T, C = 5, 3


def by_hand(layer, sequence):
    """The formula, one element after the other."""
    time, batch, channels = sequence.shape[:3]
    out = np.zeros(sequence.shape)
    temporal, channel = (w.weight.detach().numpy() for w in (layer.temporal, layer.channel))
    before = (temporal.shape[2] - 1) // 2
    for b in range(batch):
        z = sequence[:, b].mean((2, 3)).numpy()
        at = lambda t, c, z=z: z[t, c] if 0 <= t < time and 0 <= c < channels else 0.0  # noqa: E731
        for t in range(time):
            for c in range(channels):
                taps = range(temporal.shape[2])
                along = sum(temporal[t, i, k] * at(i, c + k - before) for i in range(time) for k in taps)
                across = sum(channel[c, i, k] * at(t + k - before, i) for i in range(channels) for k in taps)
                out[t, b, c] = sequence[t, b, c].numpy() / (1 + np.exp(-along * across))
    return torch.from_numpy(out).float()


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_it_is_its_formula(kernel):
    torch.manual_seed(0)
    layer, sequence = TCJA(T, C, kernel), (torch.rand(T, 2, C, 4, 3) < 0.4).float()
    torch.testing.assert_close(layer(sequence), by_hand(layer, sequence))


def test_the_studys_shapes():
    layer = TCJA(20, 128)
    assert (tuple(layer.temporal.weight.shape), tuple(layer.channel.weight.shape)) == (
        (20, 20, 4),
        (128, 128, 4),
    )


def test_another_sequence_is_refused():
    with pytest.raises(ConfigError) as error:
        TCJA(T, C)(torch.zeros(T - 1, 2, C, 4, 4))
    got, rule = "a sequence of shape (4, 2, 3, 4, 4)", "one of shape (5, batch, 3, height, width)"
    cure = "Build the network with the timesteps of its data."
    assert str(error.value) == f"layer 'tcja': got {got}; expected {rule}. {cure}"


def tiny(**options):
    """A small network whose blocks spike from the start."""
    torch.manual_seed(0)
    small = {"channels": (4, C), "attention": (2,), "hidden": (6,), "votes": 2, "timesteps": T}
    network = build("tcja", **{"sensor": (2, 8, 8), "classes": 2, **small, **options})
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, 5.0)
    return network


def test_without_attention_it_takes_any_number_of_timesteps():
    network = tiny(attention=())
    assert network.timesteps is None
    assert network.eval()(torch.rand(2, 3, 2, 8, 8)).shape == (3, 2)


def test_every_wrong_option_is_named():
    with pytest.raises(ConfigError) as error:
        tiny(timesteps=0, votes=0, hidden=(0,), dropout=1)
    assert str(error.value).splitlines() == [
        "network 'tcja'.timesteps: got 0; expected an integer from 1 to 65,536.",
        "network 'tcja'.hidden: got (0,); expected a list of integers from 1 to 65,536.",
        "network 'tcja'.votes: got 0; expected an integer from 1 to 65,536.",
        "network 'tcja'.dropout: got 1; expected a share from 0 to below 1.",
    ]


def test_options_that_do_not_go_together_are_named():
    with pytest.raises(ConfigError) as error:
        tiny(channels=(4, 4, 4, 4), attention=(5,))
    deep = "few enough to leave one of 8 pixels"
    assert str(error.value).splitlines() == [
        *[f"network 'tcja'.channels: got 4 poolings of 2; expected {deep}. Use fewer."] * 2,
        "network 'tcja'.attention: got (5,); expected a list of blocks, counted from 1 to 4.",
    ]


def test_the_profiler_counts_attention_as_real_multiplications_once_an_inference():
    network = tiny()
    frames = (np.random.default_rng(0).random((T, 6, 2, 8, 8)) < 0.4).astype(np.uint8)
    workload = profile(network, frames, np.zeros(6, np.int64)).workload
    layers = {layer.name: layer for layer in workload.layers}
    attention = ["features.2.temporal", "features.2.channel"]
    assert list(layers) == [
        "features.0.conv",
        "features.1.conv",
        *attention,
        "readout.0.linear",
        "readout.1.linear",
    ]
    temporal, channel = layers["features.2.temporal"], layers["features.2.channel"]
    assert (temporal.kind, temporal.kernel, temporal.timesteps) == ("conv1d", (1, 4), 1)
    assert (temporal.input.shape, temporal.output.shape) == ((T, 1, C + 3), (T, 1, C))
    assert (channel.input.shape, channel.output.shape) == ((C, 1, T + 3), (C, 1, T))
    assert temporal.input.kind == channel.input.kind == layers["readout.0.linear"].input.kind == "analog"
    assert temporal.dense_synops == T * T * 4 * C
    assert channel.dense_synops == C * C * 4 * T
    assert "features.2" in {layer.name for layer in workload.free}


def test_counted_attention_meets_each_non_zero_mean_with_each_tap_inside():
    network = tiny().eval()
    frames = (np.random.default_rng(1).random((T, 1, 2, 8, 8)) < 0.3).astype(np.uint8)
    seen = []
    network.features[2].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    workload = profile(network, frames, np.zeros(1, np.int64)).workload
    live = (seen[0].mean((3, 4))[:, 0] != 0).numpy()  # (time, channels)
    reach = lambda place, size: sum(0 <= place - tap + 1 < size for tap in range(4))  # noqa: E731
    expected = sum(T * reach(c, C) for t in range(T) for c in range(C) if live[t, c])
    (temporal,) = [layer for layer in workload.layers if layer.name.endswith("temporal")]
    assert 0 < live.sum() < live.size
    assert temporal.effectual_synops_mean == expected


def test_attention_is_costed_once_an_inference():
    frames = (np.random.default_rng(0).random((T, 2, 2, 8, 8)) < 0.4).astype(np.uint8)
    workload = profile(tiny(), frames, np.zeros(2, np.int64)).workload
    priced = {layer.name: layer for layer in cost(workload, load_accelerator("eyeriss_like")).layers}
    done = sum(action.count for action in priced["features.2.temporal"].actions if action.component == "mac")
    assert 0 < done <= T * T * 4 * C


def test_attention_is_compressed_like_any_layer():
    ternary = compress(tiny(), quantize(2))
    assert len(ternary.features[2].temporal.weight.unique()) <= 3
    frames = (np.random.default_rng(0).random((T, 2, 2, 8, 8)) < 0.4).astype(np.uint8)
    workload = profile(ternary, frames, np.zeros(2, np.int64)).workload
    assert {layer.weight_bits for layer in workload.layers} == {2}
    assert state_bytes(ternary) != state_bytes(tiny())
