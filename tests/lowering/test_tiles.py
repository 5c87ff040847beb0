"""Weights with a step for each crossbar tile: said in words, and lowered once they are baked."""

import numpy as np
import pytest
import torch

import spareto
from spareto.core.errors import ConfigError
from spareto.runtime import Engine


def test_steps_of_tiles_are_refused_until_the_network_is_baked():
    torch.manual_seed(0)
    network = spareto.networks.build("conv", sensor=(2, 12, 12), classes=3, channels=(16, 24))
    step = {
        "kind": "quantize",
        "bits": 3,
        "quantizer": "crossbar_tile",
        "options": {"rows": 32, "columns": 32},
    }
    small = spareto.compress(network, spareto.Recipe.parse({"steps": [step]}, "recipe")).eval()
    with pytest.raises(ConfigError, match=r"several steps in one output channel.*spareto\.bake\(network\)"):
        spareto.lower(small)
    spareto.bake(small)
    frames = (torch.rand(6, 2, 2, 12, 12) < 0.3).float()
    votes = Engine(spareto.lower(small).network).batch(frames.numpy().astype(np.uint8))
    with torch.no_grad():
        assert np.array_equal(votes.argmax(1), small(frames).argmax(1).numpy())
