"""One layer that is called on two sizes is measured, calibrated and compressed as one."""

import pytest
import torch
from torch import nn

from spareto.compression import calibrate, compress, compressed_weight, compression_report
from spareto.compression.evidence import evidence
from spareto.compression.steps import StepContext
from spareto.pruners import registry as pruners
from spareto.records import PruneStep, QuantizeStep, Recipe

X = (torch.rand(3, 2, 12, 12, generator=torch.Generator().manual_seed(0)) < 0.3).float()


class Pyramid(nn.Module):
    """A convolution on an image and on its half."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.out = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        large, small = self.conv(x), self.conv(x[:, :, ::2, ::2])
        return self.out(large.mean((2, 3)) + small.amax((2, 3)))


@pytest.mark.parametrize("pruner", pruners.names())
def test_every_pruner(pruner):
    recipe = Recipe(steps=(PruneStep(sparsity=0.5, pruner=pruner, scope="per_layer"), QuantizeStep(bits=4)))
    compressed = compress(Pyramid(), recipe, run=lambda net: net(X).square().sum())
    assert compressed(X).shape == (3, 3)
    assert all(0.3 <= layer.sparsity < 0.7 for layer in compression_report(compressed))
    assert compressed_weight(compressed.conv).mask.shape == (4, 2, 3, 3)


def test_activity_counts_the_inputs_of_both_calls():
    network = Pyramid()
    context = StepContext(network, "here", "quantize_then_mask", run=lambda net: net(X).sum())
    found = evidence({"conv": network.conv}, {"activity"}, context, "a test").activity["conv"]
    half = X[:, :, ::2, ::2]
    expected = (X.sum((0, 2, 3)) + half.sum((0, 2, 3))) / (3 * (144 + 36))
    torch.testing.assert_close(found.flatten(1)[0].float(), expected)


def test_biases_are_corrected_over_both_calls():
    network = Pyramid()
    recipe = Recipe(steps=(QuantizeStep(bits=3, quantizer="least_error_range"),))
    mended = calibrate(network, recipe, lambda net: net(X), bias=True)

    def mean(net):
        rows = [net.conv(x).movedim(1, -1).flatten(0, 2) for x in (X, X[:, :, ::2, ::2])]
        return torch.cat(rows).mean(0)

    with torch.no_grad():
        torch.testing.assert_close(mean(mended), mean(network), rtol=1e-4, atol=1e-5)
