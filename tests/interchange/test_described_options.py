"""A switch or a word of a described layer is one: torch takes anything, and fails when the layer runs."""

import pytest
from torch import nn

from spareto.interchange._modules import built, described

WRONG = [
    (nn.MaxPool2d(2), "ceil_mode", [1, 1]),
    (nn.MaxPool2d(2), "return_indices", 1),
    (nn.AvgPool2d(2), "count_include_pad", None),
    (nn.Conv2d(2, 3, 3), "bias", "yes"),
    (nn.Conv2d(2, 3, 3), "padding_mode", 3),
    (nn.Linear(2, 3), "bias", 0.0),
    (nn.BatchNorm2d(3), "affine", [True]),
    (nn.LayerNorm(3), "elementwise_affine", 1),
]


@pytest.mark.parametrize(("layer", "option", "value"), WRONG)
def test_another_kind_is_refused(layer, option, value):
    said = described(layer, "layer")
    assert built(said).state_dict().keys() == layer.state_dict().keys()
    said["options"][option] = value
    with pytest.raises(ValueError, match=rf"{type(layer).__name__} with {option} .*, which is no (bool|str)"):
        built(said)
