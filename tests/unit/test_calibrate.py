"""Compression without training."""

import pytest
import torch
from torch import nn

import tiny
from spareto import recipes
from spareto.compression import calibrate, compress
from spareto.compression.calibration import correct_bias, measure_batch_norm
from spareto.core.errors import ConfigError
from spareto.testing.steps import state_bytes

ROUGH = recipes.quantize(3, quantizer="least_error_range")
DATA = torch.randn(5, 64, 12, generator=torch.Generator().manual_seed(1)) + 0.3


def run(network):
    return [network(batch) for batch in DATA]


def with_norm():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).train()


def means(network, layer):
    outputs = []
    handle = network[layer].register_forward_hook(lambda _, __, output: outputs.append(output))
    with torch.no_grad():
        run(network)
    handle.remove()
    return torch.cat(outputs).mean(0)


def test_batch_norms_measure_what_they_see():
    network = compress(with_norm(), ROUGH).eval()
    measure_batch_norm(network, run)
    seen = DATA @ network[0].weight.T + network[0].bias
    torch.testing.assert_close(network[1].running_mean, seen.mean((0, 1)).detach())
    torch.testing.assert_close(network[1].running_var, seen.var(1).mean(0).detach())
    assert network[1].momentum == 0.1
    assert not network[1].training


def test_biases_bring_back_the_means_of_every_channel():
    reference = tiny.plain().eval()
    network = compress(reference, ROUGH).eval()
    apart = [(means(network, layer) - means(reference, layer)).abs().max() for layer in (0, 2)]
    correct_bias(network, reference, run)
    for layer, before in zip((0, 2), apart, strict=True):
        assert before > 1e-3
        torch.testing.assert_close(means(network, layer), means(reference, layer), rtol=1e-4, atol=1e-5)


def test_calibration_leaves_the_network_alone_and_brings_the_outputs_nearer():
    network = with_norm()
    measure_batch_norm(network, run)
    before = state_bytes(network)
    mended = calibrate(network, ROUGH, run, bias=True)
    assert state_bytes(network) == before
    assert not mended.training
    plain = compress(network, ROUGH).eval()
    assert network.training
    network.eval()
    with torch.no_grad():
        wanted, near, far = (torch.stack(run(each)) for each in (network, mended, plain))
    assert (near - wanted).square().mean() < (far - wanted).square().mean()


def test_a_network_without_biases():
    network = nn.Sequential(nn.Linear(12, 3, bias=False))
    with pytest.raises(ConfigError) as error:
        calibrate(network, ROUGH, run, bias=True)
    cure = "Measure batch norms instead, or fold them first."
    assert (
        str(error.value) == f"calibrate.bias: got no layer with a bias; expected a layer with a bias. {cure}"
    )


def test_a_spiking_network():
    network = tiny.network()
    frames = torch.from_numpy(tiny.frame_data(samples=32).train_frames).float()
    calibrated = calibrate(network, recipes.joint(4, 0.5), lambda network: network(frames))
    assert calibrated(frames).shape == (32, 2)
