"""Batch norms folded into the layers before them."""

import pytest
import torch
from torch import nn

import tiny
from spareto import recipes
from spareto.compression import NotFoldedWarning, compress, compressed_weight, fold_batch_norm
from spareto.compression.copies import copy_of
from spareto.core.errors import ConfigError
from spareto.records import PruneStep, QuantizeStep, Recipe
from spareto.testing.steps import state_bytes


def settle(network, seed=0):
    """Batch norms with statistics and scales that do something."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.3, 2.0, generator=generator)
            if module.affine:
                module.weight.data.normal_(generator=generator)
                module.bias.data.normal_(generator=generator)
    return network.double().eval()


def row(bias=True, affine=True):
    torch.manual_seed(0)
    convs = [nn.Conv2d(2, 3, 3, bias=bias), nn.BatchNorm2d(3, affine=affine), nn.ReLU(), nn.Flatten()]
    return settle(nn.Sequential(*convs, nn.Linear(48, 5, bias=bias), nn.BatchNorm1d(5, affine=affine)))


class Handwritten(nn.Module):
    """Its order stands in `forward` alone, and layers run once a timestep."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.norm2, self.norm1 = nn.BatchNorm1d(3), nn.BatchNorm1d(8)
        self.second, self.first = nn.Linear(8, 3), nn.Linear(12, 8, bias=False)

    def forward(self, frames):
        return sum(self.norm2(self.second(self.norm1(self.first(now)).relu())) for now in frames)


class Residual(Handwritten):
    """A batch norm behind a sum."""

    def forward(self, frames):
        now = frames[0]
        return self.norm2(self.second(self.norm1(self.first(now)).relu()) + 1)


FRAMES = torch.randn(4, 6, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
IMAGES = torch.randn(7, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_the_function_stays(bias, affine):
    network = row(bias, affine)
    before = state_bytes(network)
    folded = fold_batch_norm(network)
    torch.testing.assert_close(folded(IMAGES), network(IMAGES), rtol=1e-9, atol=1e-9)
    assert state_bytes(network) == before
    assert not norms(folded)
    assert isinstance(folded[1], nn.Identity)
    assert folded[0].bias is not None


def test_a_spiking_network_of_our_own_keeps_its_spikes():
    network = settle(tiny.network())
    frames = torch.from_numpy(tiny.frame_data(samples=32).train_frames).double()
    folded = fold_batch_norm(network)
    assert not norms(folded)
    torch.testing.assert_close(folded(frames), network(frames))


def test_in_single_precision():
    network = row().float()
    torch.testing.assert_close(
        fold_batch_norm(network)(IMAGES.float()), network(IMAGES.float()), rtol=1e-5, atol=1e-5
    )


def test_the_order_of_a_handwritten_network_is_seen_when_it_runs():
    network = settle(Handwritten()).train()
    folded = fold_batch_norm(network, run=lambda network: network(FRAMES)).eval()
    torch.testing.assert_close(folded(FRAMES), network.eval()(FRAMES), rtol=1e-9, atol=1e-9)
    assert not norms(folded)


def test_running_leaves_modes_and_statistics_alone():
    network = settle(Handwritten()).train()
    before = state_bytes(network)
    assert fold_batch_norm(network, run=lambda network: network(FRAMES)).training
    assert state_bytes(network) == before


def message(network, run=None):
    with pytest.raises(ConfigError) as error:
        fold_batch_norm(network, run)
    return str(error.value)


def test_an_order_nobody_showed():
    rule = "expected a convolution or dense layer whose output it takes"
    cure = "Give `run`, so that the network shows its order."
    assert message(settle(Handwritten())).splitlines() == [
        f"batch norm 'norm2': got none before it; {rule}. {cure}",
        f"batch norm 'norm1': got none before it; {rule}. {cure}",
    ]


def test_a_batch_norm_behind_a_sum_stays_and_is_said_to():
    """A constant is added before: it is no longer the layer's output alone."""
    network = settle(Residual())
    with pytest.warns(NotFoldedWarning) as told:
        folded = fold_batch_norm(network, lambda network: network(FRAMES))
    got = "an input of which it is not the only reader: add"
    rule = "the only reader of layer 'second'. Fold it by hand, or leave it."
    assert str(told[0].message).splitlines() == [
        "1 batch norms were not folded:",
        f"batch norm 'norm2': got {got}; expected {rule}",
    ]
    assert norms(folded) == [folded.norm2]
    torch.testing.assert_close(folded(FRAMES), network(FRAMES), rtol=1e-9, atol=1e-9)


def test_a_batch_norm_without_running_statistics():
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False))
    rule = "expected running statistics. Only these are constants that can be folded."
    assert message(network) == f"batch norm '1': got statistics of each batch; {rule}"


def test_a_layer_that_feeds_two_batch_norms():
    class Fork(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.a, self.b = nn.Linear(12, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3)

        def forward(self, frames):
            shared = self.layer(frames[0])
            return self.a(shared) + self.b(shared)

    got = "an input of which it is not the only reader"
    rule = "the only reader of layer 'layer'. Fold it by hand, or leave it."
    assert message(Fork().double(), lambda n: n(FRAMES)).splitlines() == [
        f"batch norm 'a': got {got}: b; expected {rule}",
        f"batch norm 'b': got {got}: a; expected {rule}",
    ]


def test_a_network_without_batch_norms():
    rule = "expected a network with batch norms. Leave the folding out."
    assert message(tiny.plain()) == f"network.fold_batch_norm: got no batch norm; {rule}"


def test_quantized_weights_are_not_folded():
    network = row()
    once = compress(network, recipes.quantize(4))
    rule = "expected weights without one. Fold first, then quantize."
    assert message(once).splitlines()[0] == f"layer '0': got a quantizer; {rule}"


@pytest.mark.parametrize("pruner", ["magnitude", "channels"])
def test_pruned_weights_stay_pruned(pruner):
    pruned = compress(row(), Recipe(steps=(PruneStep(sparsity=0.4, pruner=pruner, scope="per_layer"),)))
    folded = fold_batch_norm(pruned)
    torch.testing.assert_close(folded(IMAGES), pruned(IMAGES), rtol=1e-9, atol=1e-9)
    assert torch.equal(folded[0].weight == 0, pruned[0].weight == 0)


def test_a_recipe_folds_before_it_quantizes():
    network = row(bias=False)
    step = QuantizeStep(bits=8, quantizer="max_range", granularity="per_channel", fold_batch_norm=True)
    compressed = compress(network, Recipe(steps=(step,)))
    folded = fold_batch_norm(network)
    assert not norms(compressed)
    quantizer = compressed_weight(compressed[0]).quantizer
    torch.testing.assert_close(quantizer.scale.flatten(), folded[0].weight.abs().amax((1, 2, 3)) / 127)
    apart = (compressed(IMAGES) - network(IMAGES)).abs().max()
    assert 0 < apart < 0.1 * network(IMAGES).abs().max()


def test_a_copy_is_folded_without_touching_the_other():
    network = row()
    copy = copy_of(network)
    fold_batch_norm(copy)
    assert len(norms(copy)) == 2
