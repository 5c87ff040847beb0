"""Q-SNN: balanced signs, rates drawn to a half, narrow states that cost less."""

import math

import pytest
import torch
from torch import nn

import tiny
from spareto import recipes
from spareto.compression import compress, compress_and_train, compressed_weight
from spareto.core.errors import ConfigError
from spareto.hardware import load_accelerator
from spareto.hardware.workload_cost import cost
from spareto.kernels import dense
from spareto.neurons.quantized_membrane import QuantizedMembrane
from spareto.profiling import profile
from spareto.quantizers import registry
from spareto.records import TrainingPlan
from spareto.training.losses import cross_entropy_time
from spareto.training.rates import LayersSeen


@pytest.mark.parametrize("shift", [0.0, 0.5, -3.0])
@pytest.mark.parametrize("statistics", ["per_tensor", "per_channel"])
def test_half_of_the_signs_are_positive_wherever_weights_lie(shift, statistics):
    weight = torch.randn(32, 64, generator=torch.Generator().manual_seed(0)) * 0.1 + shift
    quantizer = registry.make("standardized_sign", granularity="per_channel", statistics=statistics)
    quantizer.start(weight)
    assert 0.47 <= float((quantizer(weight) > 0).float().mean()) <= 0.53
    assert float(quantizer.scale.mean()) == pytest.approx(math.sqrt(2 / math.pi), abs=0.02)


def test_the_entropy_of_signs_peaks_at_a_half():
    share = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    entropy = -(share * share.log() + (1 - share) * (1 - share).log())
    (slope,) = torch.autograd.grad(entropy, share)
    assert float(slope) == 0.0


def test_the_authors_scale_is_one_for_bell_shaped_weights():
    weight = torch.randn(16, 300, generator=torch.Generator().manual_seed(1)) * 0.02
    options = {"granularity": "per_channel", "power_of_two": True}
    quantizer = registry.make("standardized_sign", **options)
    quantizer.start(weight)
    assert quantizer.scale.unique().tolist() == [1.0]


def test_the_gradient_through_standardization():
    weight = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    quantizer = registry.make("standardized_sign")
    quantizer.start(weight)
    leaf, cotangent = weight.clone().requires_grad_(), torch.arange(24.0, dtype=torch.float64).view(3, 8)
    (found,) = torch.autograd.grad((quantizer(leaf) * cotangent).sum(), leaf)
    other = weight.clone().requires_grad_()
    standard = (other - other.mean()) / other.std(correction=0)
    (expected,) = torch.autograd.grad((standard * quantizer.scale * cotangent).sum(), other)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("epoch", "t"), [(0, 0.1), (2, 1.0), (4, 10.0)])
def test_the_authors_gradient_of_a_sign(epoch, t):
    weight = torch.linspace(-1, 1, 21)[None]
    quantizer = registry.make("standardized_sign", gradient="tanh")
    quantizer.start(weight)
    quantizer.begin_epoch(epoch, 5)
    assert quantizer.steepness == pytest.approx(t)
    standard = quantizer._standardized(weight)
    leaf = weight.clone().requires_grad_()
    (found,) = torch.autograd.grad(quantizer(leaf)[0, 10], leaf)
    assert float(found.abs().max()) <= max(1 / t, 1) * t * float(quantizer.scale / quantizer.deviation) + 1e-6
    assert standard.abs().max() < 2


def seen(network, frames):
    with LayersSeen(network) as layers:
        rates = network(frames)
    return layers, rates


def deeper():
    sizes = {"sensor": (2, 8, 8), "classes": 3, "channels": (6, 5), "hidden": (8,), "votes": 4}
    return tiny.network(**sizes)


def test_rates_of_hidden_layers_and_their_gradient():
    network = deeper().train()
    frames = (torch.rand(4, 3, 2, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    layers, rates = seen(network, frames)
    one, two, three, _ = list(layers._rates)
    assert [one, two] == ["features.0.neuron", "features.1.neuron"]
    distance = layers.distance(0.5)
    expected = sum((float(layers._rates[name][0].detach()) - 0.5) ** 2 for name in (two, three))
    assert float(distance.detach()) == pytest.approx(expected, rel=1e-6)
    assert network.features[1].decision.way != "reference"
    weight = network.features[1].conv.weight
    (fused,) = torch.autograd.grad(distance, weight)
    spikes = dense(network.features[1](network.features[0](frames)))
    hidden = dense(network.readout[0](spikes))
    by_hand = (spikes.mean() - 0.5).square() + (hidden.mean() - 0.5).square()
    (expected,) = torch.autograd.grad(by_hand, weight)
    torch.testing.assert_close(fused, expected, rtol=1e-3, atol=1e-6)
    votes = layers.votes(rates)
    torch.testing.assert_close(votes.mean(0), rates)
    labels = torch.tensor([0, 2, 1])
    each = torch.stack([nn.functional.cross_entropy(now, labels) for now in votes]).mean()
    torch.testing.assert_close(cross_entropy_time(votes, labels), each)


def test_a_network_without_a_hidden_layer_is_refused():
    data = tiny.frame_data()
    recipe = recipes.q_snn(2)
    short = recipe.training.replace(epochs=1, batch_size=4)
    with pytest.raises(
        ConfigError, match=r"training.rate_weight: got 2 layers of neurons; expected a hidden"
    ):
        compress_and_train(tiny.network(), recipe.replace(training=short), data)


def test_the_recipe_stores_ends_at_8_bits_and_membranes_at_2():
    compressed = compress(deeper(), recipes.q_snn(2))
    widths = [compressed_weight(layer).quantizer.bits for layer in (
        compressed.features[0].conv, compressed.features[1].conv,
        compressed.readout[0].linear, compressed.readout[1].linear)]  # fmt: skip
    assert widths == [8, 1, 1, 8]
    neurons = [part for part in compressed.modules() if isinstance(part, QuantizedMembrane)]
    assert [(neuron.bits, neuron.range) for neuron in neurons] == [(2, "learned")] * 4
    code = compress(deeper(), recipes.q_snn(4, code=True)).features[1].neuron
    assert (code.range, code.squash) == ("batch", "tanh")
    plain = compress(deeper(), recipes.q_snn(2, balanced=False))
    assert type(compressed_weight(plain.features[1].conv).quantizer).__name__ == "Sign"
    stored = deeper()
    stored.features[0].neuron = QuantizedMembrane()
    with pytest.raises(
        ConfigError, match=r"neuron 'features.0.neuron': got a stored state; expected neurons"
    ):
        compress(stored, recipes.q_snn(2))


def test_a_training_goes_on_after_a_kill(tmp_path):
    """Balanced signs, rates and learned ranges: two epochs at once, or one, a stop, and one."""
    data, network = tiny.frame_data(), tiny.network(channels=(4,), hidden=(6,))
    plan = TrainingPlan(epochs=2, batch_size=4, learning_rate=0.01, warmup_epochs=0, rate_weight=0.001,
                        loss="cross_entropy_time")  # fmt: skip
    recipe = recipes.q_snn(2).replace(training=plan)

    class StopError(Exception):
        pass

    def stop(report):
        raise StopError

    whole = compress_and_train(network, recipe, data, seed=1)
    path = tmp_path / "c.safetensors"
    with pytest.raises(StopError):
        compress_and_train(network, recipe, data, seed=1, checkpoint=path, on_epoch=stop)
    resumed = compress_and_train(network, recipe, data, seed=1, checkpoint=path)
    expected, found = whole.state_dict(), resumed.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("name", ["eyeriss_like"])
def test_state_energy_falls_with_the_width_of_the_state(name):
    """The same network and spikes: only the width of the stored membranes differs.

    Event-driven chips charge the published energy of an update, whatever is stored.
    """
    data, network, spent = tiny.frame_data(), tiny.network(), []
    compressed = compress(network, recipes.q_snn(2)).eval()
    workload = profile(compressed, data.train_frames, data.train_labels).workload
    assert {layer.neuron.state_bits for layer in workload.layers if layer.neuron} == {2}
    for bits in (8, 4, 2):
        layers = tuple(
            layer.replace(neuron=layer.neuron.replace(state_bits=bits)) for layer in workload.layers
        )
        costs = cost(workload.replace(layers=layers), load_accelerator(name))
        spent.append((costs.energy_pj, state_energy(costs)))
    totals, states = zip(*spent, strict=True)
    assert sorted(states, reverse=True) == list(states)
    assert len(set(states)) == 3
    assert sorted(totals, reverse=True) == list(totals)


def state_energy(costs):
    """What reading, writing and updating states takes."""
    actions = [action for layer in costs.layers for action in layer.actions]
    return sum(action.energy_pj for action in actions if "state" in str(action))
