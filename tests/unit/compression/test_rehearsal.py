"""A rehearsal refuses what the training would refuse, at once, and leaves everything as it was."""

import pytest
import torch

import tiny
from spareto import recipes
from spareto.compression import compress_and_train, rehearse
from spareto.core.errors import ConfigError, InputError
from spareto.records import Recipe, TrainingPlan
from spareto.testing.steps import state_bytes

ODD = {
    "a width of no quantizer": {"steps": [{"kind": "quantize", "bits": 1}]},
    "an option of no pruner": {"steps": [{"kind": "prune", "sparsity": 0.5, "options": {"nothing": 1}}]},
    "a layer that is not there": {
        "steps": [{"kind": "quantize", "bits": 4}],
        "layers": {"include": ["nothing*"]},
    },
    "a schedule that regrows a pattern": {
        "steps": [
            {"kind": "prune", "sparsity": 0.5, "pruner": "n_of_m", "schedule": "rigl", "options": {"m": 4}}
        ]
    },
    "starts in one epoch": {
        "steps": [{"kind": "prune", "sparsity": 0.5}, {"kind": "quantize", "bits": 4, "start": 0.5}],
        "training": {"epochs": 1},
    },
    "a layer width without a match": {
        "steps": [{"kind": "quantize", "bits": 4, "layer_bits": [{"layers": "conv9*", "bits": 2}]}]
    },
    "a rounding nobody has": {"steps": [{"kind": "quantize", "bits": 4, "rounding": "ewg", "start": 0.5}]},
}


@pytest.mark.parametrize("plan", ODD.values(), ids=list(ODD))
def test_a_rehearsal_refuses_what_training_refuses(plan):
    recipe, network, data = Recipe.parse(plan, "recipe"), tiny.network(), tiny.frame_data()
    with pytest.raises(InputError) as trained:
        compress_and_train(network, recipe, data)
    with pytest.raises(InputError) as rehearsed:
        rehearse(network, recipe, data)
    assert set(trained.value.problems) <= set(rehearsed.value.problems)


def test_a_rehearsal_names_everything_at_once():
    plan = {"steps": [*ODD["an option of no pruner"]["steps"], *ODD["a rounding nobody has"]["steps"]]}
    with pytest.raises(ConfigError) as error:
        rehearse(
            tiny.network(), Recipe.parse({**plan, "training": {"epochs": 1}}, "recipe"), tiny.frame_data()
        )
    assert len(error.value.problems) == 3


@pytest.mark.parametrize("pruner", ["magnitude", "snip", "activity"])
def test_without_training_it_gives_what_training_would_begin_with(pruner):
    """Gradients and activity are measured on fewer samples, so it is the sparsity that must agree."""
    joint = recipes.joint(4, 0.5).replace(training=TrainingPlan(epochs=0))
    steps = tuple(step.replace(pruner=pruner) if step.kind == "prune" else step for step in joint.steps)
    recipe, network, data = joint.replace(steps=steps), tiny.network(), tiny.frame_data()
    before, generator = state_bytes(network), torch.get_rng_state()
    rehearsed = rehearse(network, recipe, data)
    assert state_bytes(network) == before
    assert torch.equal(torch.get_rng_state(), generator)
    assert not rehearsed.training
    trained = compress_and_train(network, recipe, data)
    zeros = [
        [int((layer.weight == 0).sum()) for layer in made.modules() if hasattr(layer, "parametrizations")]
        for made in (rehearsed, trained)
    ]
    assert sum(zeros[0]) >= sum(zeros[1]) * 0.8 > 0
