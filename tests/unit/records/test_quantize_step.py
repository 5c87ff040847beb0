"""The quantizing step of a recipe."""

import pytest

from spareto.core.errors import ConfigError
from spareto.records import LayerBits, MembranePlan, QuantizeStep, Recipe

EVERYTHING = {
    "kind": "quantize",
    "quantizer": "duq",
    "bits": 4,
    "granularity": "per_channel",
    "rounding": "ewgs",
    "layer_bits": [{"layers": "features.0.*", "bits": 8}, {"layers": "*", "bits": 1, "quantizer": "sign"}],
    "bias_bits": 8,
    "neuron_bits": 6,
    "membrane": {"bits": 8, "v_max": 4},
    "fold_batch_norm": True,
}


def message(**fields):
    step = {"kind": "quantize", "bits": 4, **fields}
    with pytest.raises(ConfigError) as error:
        Recipe.parse({"steps": [step]}, "recipe")
    return str(error.value)


def test_every_field_changes_the_fingerprint():
    plain = QuantizeStep(bits=4)
    changed = [
        plain.model_copy(update={"rounding": "ewgs"}),
        plain.model_copy(update={"options": {"percentile": 99}}),
        plain.model_copy(update={"layer_bits": (LayerBits(layers="*", bits=4),)}),
        plain.model_copy(update={"bias_bits": 4}),
        plain.model_copy(update={"neuron_bits": 4}),
        plain.model_copy(update={"membrane": MembranePlan(bits=4)}),
        plain.model_copy(update={"fold_batch_norm": True}),
    ]
    assert len({step.hash for step in [plain, *changed]}) == len(changed) + 1


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_every_field_comes_back(tmp_path, suffix):
    recipe = Recipe.parse({"steps": [EVERYTHING]}, "recipe")
    recipe.save(tmp_path / f"recipe{suffix}")
    assert Recipe.load(tmp_path / f"recipe{suffix}") == recipe
    assert recipe.quantize_step.layer_bits[1] == LayerBits(layers="*", bits=1, quantizer="sign")
    assert recipe.quantize_step.membrane == MembranePlan(bits=8, v_max=4.0)


def test_all_mistakes_come_at_once():
    membrane = {"bits": 1, "v_max": 3}
    text = message(
        bias_bits=1, neuron_bits="8", membrane=membrane, fold_batch_norm=1, layer_bits=[{"bits": 0}]
    )
    rule = "expected an integer from 2 to 16."
    assert text.splitlines() == [
        "recipe.steps[0].layer_bits[0].layers: got nothing; expected a value. Add the key 'layers'.",
        "recipe.steps[0].layer_bits[0].bits: got 0; expected an integer from 1 to 16. "
        "Use quantizer 'sign' for binary weights.",
        f"recipe.steps[0].bias_bits: got 1; {rule}",
        f"recipe.steps[0].neuron_bits: got '8'; {rule}",
        f"recipe.steps[0].membrane.bits: got 1; {rule}",
        "recipe.steps[0].membrane.v_max: got 3; expected a power of two. Use 1, 2 or 4, say.",
        "recipe.steps[0].fold_batch_norm: got 1; expected true or false.",
    ]
