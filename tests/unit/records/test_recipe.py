"""A recipe is refused with the exact words of the design, or means exactly one thing."""

import pytest

import factories
from spareto import recipes
from spareto.core.errors import ConfigError
from spareto.records import LayerFilter, PruneStep, QuantizeStep, Recipe, SchedulePlan, TrainingPlan

PRUNE, QUANTIZE = {"kind": "prune", "sparsity": 0.8}, {"kind": "quantize", "bits": 3}


PRUNE_FIELDS = (
    {},
    {"floor": 0.1},
    {"options": {"seed": 3}},
    {"schedule": SchedulePlan(name="gradual")},
    {"schedule": SchedulePlan(name="gradual", options={"end": 0.5})},
)


def message(data):
    with pytest.raises(ConfigError) as error:
        Recipe.parse(data, "recipe")
    return str(error.value)


def test_0_bits():
    expected = "recipe.steps[1].bits: got 0; expected an integer from 1 to 16."
    cure = "Use quantizer 'sign' for binary weights."
    assert message({"steps": [PRUNE, {"kind": "quantize", "bits": 0}]}) == f"{expected} {cure}"


def test_sparsity_120_percent():
    expected = "recipe.steps[0].sparsity: got 1.2; expected a share from 0 to below 1. Write 80 % as 0.8."
    assert message({"steps": [{"kind": "prune", "sparsity": 1.2}]}) == expected


@pytest.mark.parametrize("sparsity", [80, 1, 1.0, -0.1, "0.8", True, None, float("nan")])
def test_a_sparsity_is_a_share(sparsity):
    assert "expected a share from 0 to below 1. Write 80 % as 0.8." in message(
        {"steps": [{"kind": "prune", "sparsity": sparsity}]}
    )


@pytest.mark.parametrize("bits", [17, -3, 2.5, "4", True, None])
def test_bits_are_an_integer_from_1_to_16(bits):
    assert "expected an integer from 1 to 16." in message({"steps": [{"kind": "quantize", "bits": bits}]})


def test_an_unknown_key():
    expected = (
        "recipe.steps[0].sparsty: got an unknown key; "
        "expected one of kind, start, pruner, sparsity, scope, floor, options, schedule, layer_sparsity."
    )
    text = message({"steps": [PRUNE | {"sparsty": 0.5}]})
    assert text == f"{expected} Did you mean 'sparsity'?"


def test_an_unknown_step():
    text = message({"steps": [{"kind": "prun", "sparsity": 0.5}]})
    assert (
        text
        == "recipe.steps[0].kind: got 'prun'; expected one of epitome, prune, quantize. Did you mean 'prune'?"
    )


@pytest.mark.parametrize("start", [1.0, -0.1, 50])
def test_a_step_starts_within_the_training(start):
    expected = "a share of the training from 0 to below 1. Write the middle of the training as 0.5."
    assert (
        message({"steps": [QUANTIZE | {"start": start}]})
        == f"recipe.steps[0].start: got {start}; expected {expected}"
    )


@pytest.mark.parametrize("bits", [0, 1, 17, 31, 33, 8.0, "8"])
def test_storage_bits(bits):
    expected = "an integer from 2 to 16, or 32. Use 32 to keep floating-point weights."
    assert message({"storage_bits": bits}) == f"recipe.storage_bits: got {bits!r}; expected {expected}"


def test_two_steps_of_a_kind():
    assert message({"steps": [PRUNE, PRUNE]}).endswith("expected at most one step of a kind.")


def test_every_problem_at_once():
    text = message(
        {"steps": [PRUNE | {"sparsity": 2}, QUANTIZE | {"bits": 0}], "training": {"epochs": -1}, "x": 1}
    )
    starts = [line.partition(":")[0] for line in text.splitlines()]
    assert starts == [
        "recipe.steps[0].sparsity",
        "recipe.steps[1].bits",
        "recipe.training.epochs",
        "recipe.x",
    ]


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("epochs", -1, "an integer of at least 0, at most 1e6"),
        ("batch_size", 0, "an integer of at least 1, at most 1e9"),
        ("learning_rate", 0, "a number above 0, at most 1e9"),
        ("weight_decay", -1.0, "a number of at least 0, at most 1e9"),
        ("max_shift", 1.5, "a whole number of pixels, 0 or more, at most 10,000"),
    ],
)
def test_training_plan(field, value, rule):
    assert message({"training": {field: value}}) == f"recipe.training.{field}: got {value}; expected {rule}."


@pytest.mark.parametrize(
    ("steps", "regime"),
    [
        ((), "dense"),
        ((PruneStep(sparsity=0.5),), "prune"),
        ((PruneStep(sparsity=0.5, start=0.3),), "prune"),
        ((QuantizeStep(bits=4),), "quantize"),
        ((PruneStep(sparsity=0.5), QuantizeStep(bits=4)), "joint"),
        ((QuantizeStep(bits=4), PruneStep(sparsity=0.5)), "joint"),
        ((PruneStep(sparsity=0.5), QuantizeStep(bits=4, start=0.5)), "cumulative"),
    ],
)
def test_the_regime_follows_from_the_steps(steps, regime):
    assert Recipe(steps=steps).regime == regime


def test_ready_made_recipes_are_of_their_regime():
    made = (
        recipes.dense(),
        recipes.quantize(2),
        recipes.prune(0.8),
        recipes.cumulative(4, 0.8),
        recipes.joint(4, 0.8),
    )
    assert [recipe.regime for recipe in made] == ["dense", "quantize", "prune", "cumulative", "joint"]
    assert [recipe.weight_bits for recipe in made] == [32, 2, 8, 4, 4]
    assert [recipe.sparsity for recipe in made] == [0.0, 0.0, 0.8, 0.8, 0.8]
    assert [recipe.label for recipe in made] == [
        "dense float",
        "quantize 2 bit",
        "prune 8 bit 80 %",
        "cumulative 4 bit 80 %",
        "joint 4 bit 80 %",
    ]


def test_ready_made_recipes_have_the_studys_numbers():
    alone = {"epochs": 50, "batch_size": 16, "learning_rate": 1e-4, "warmup_epochs": 5, "loss": "mse_vote"}
    both = alone | {"learning_rate": 1e-3, "warmup_epochs": 2}
    for recipe in (recipes.quantize(2), recipes.prune(0.8)):
        assert recipe.training.to_dict().items() >= alone.items()
    for recipe in (recipes.cumulative(2, 0.8), recipes.joint(2, 0.8)):
        assert recipe.training.to_dict().items() >= both.items()
        assert recipe.order == "quantize_then_mask"
        prune = recipe.prune_step
        assert (prune.pruner, prune.scope, prune.start, prune.schedule.name) == (
            *("magnitude", "global", 0.0, "one_shot"),
        )
    assert recipes.cumulative(2, 0.8).quantize_step.start * both["epochs"] == 25
    chosen = recipes.joint(2, 0.8, quantizer="duq", rounding="ewgs").quantize_step
    assert (chosen.quantizer, chosen.rounding) == ("duq", "ewgs")


def test_a_name_changes_the_label_but_not_the_hash():
    plain, named = recipes.quantize(2), recipes.quantize(2).model_copy(update={"name": "ternary"})
    assert named.label == "ternary"
    assert named.hash == plain.hash


def test_fingerprints_pin_every_field_and_default():
    """Stored trials are found by them: what has other defaults must have another fingerprint."""
    kept = LayerFilter(exclude=("a",))
    late = PruneStep(sparsity=0.3, pruner="random", scope="per_layer", start=0.5)
    made = {
        "1fd9a4954fc69492": recipes.dense(),
        "ffa68cf12805ebdf": recipes.quantize(2),
        "047569971a5e2a94": recipes.prune(0.8),
        "222c10c6de3f7182": recipes.prune(0.5, storage_bits=32),
        "2dac06608378c4ec": recipes.cumulative(4, 0.8),
        "6559abea0530fcc4": recipes.joint(4, 0.8),
        "fe8fe21e0f2806d3": Recipe(steps=(late,), layers=kept),
    }
    assert [recipe.hash for recipe in made.values()] == list(made)


def test_everything_else_changes_the_hash():
    changed = [
        Recipe(),
        Recipe(storage_bits=8),
        Recipe(order="mask_then_quantize"),
        Recipe(layers=LayerFilter(include=("conv*",))),
        Recipe(layers=LayerFilter(types=("linear",))),
        Recipe(layers=LayerFilter(first=False)),
        Recipe(layers=LayerFilter(last=False)),
        *(Recipe(steps=(PruneStep(sparsity=0.35, **field),)) for field in PRUNE_FIELDS),
        Recipe(training=TrainingPlan(epochs=3)),
        *factories.recipes(),
    ]
    hashes = {recipe.hash for recipe in changed}
    assert len(hashes) == len(set(changed))


def test_a_recipe_from_yaml_is_the_same_recipe(tmp_path):
    path = tmp_path / "joint.yaml"
    path.write_text(
        "steps:\n- {kind: prune, sparsity: 0.8}\n- {kind: quantize, bits: 4}\n"
        "training: {epochs: 50, batch_size: 16, learning_rate: 0.001, warmup_epochs: 2}\n"
    )
    assert Recipe.load(path) == recipes.joint(4, 0.8)
    assert Recipe.load(path).hash == recipes.joint(4, 0.8).hash


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_a_saved_recipe_comes_back_as_it_was(tmp_path, suffix):
    step = PruneStep(sparsity=0.5, schedule=SchedulePlan(name="rigl", options={"exchange": 0.2}))
    recipe = Recipe(name="größer", steps=(step, QuantizeStep(bits=3, start=0.5)))
    path = tmp_path / f"recipe{suffix}"
    recipe.save(path)
    assert Recipe.load(path) == recipe
    assert path.read_text(encoding="utf-8").startswith("{" if suffix == ".json" else "version: 1\n")


def test_a_floor_that_leaves_no_room_for_the_sparsity():
    expected = "recipe.steps[0].floor: got 0.3; expected at most 0.2, which sparsity 0.8 leaves."
    assert message({"steps": [PRUNE | {"floor": 0.3}]}) == expected
    assert Recipe.parse({"steps": [PRUNE | {"floor": 0.2}]}, "recipe").prune_step.floor == 0.2


def test_a_schedule_without_options_is_its_name():
    long, short = ({"steps": [PRUNE | {"schedule": given}]} for given in ({"name": "gradual"}, "gradual"))
    assert Recipe.parse(short, "recipe") == Recipe.parse(long, "recipe")


def test_filters_and_schedules_of_the_wrong_kind():
    step = PRUNE | {"schedule": 3, "options": 4, "floor": 2}
    types = "recipe.layers.types[0]: got 'conv3d'; expected one of conv1d, conv2d, linear."
    assert message({"layers": {"first": 1, "types": ["conv3d"]}, "steps": [step]}).splitlines() == [
        f"{types} Did you mean 'conv2d'?",
        "recipe.layers.first: got 1; expected true or false.",
        "recipe.steps[0].floor: got 2; expected a share from 0 to below 1.",
        "recipe.steps[0].options: got 4; expected names and values of options. Write {name: value}.",
        "recipe.steps[0].schedule: got 3; expected the name of a schedule, or its name and options.",
    ]


def test_steps_that_start_together_have_one_order():
    prune, quantize = PruneStep(sparsity=0.5), QuantizeStep(bits=4)
    one, other = Recipe(steps=(prune, quantize)), Recipe(steps=(quantize, prune))
    assert one == other
    assert one.steps == other.steps == (prune, quantize)


def test_steps_stand_in_the_order_of_their_starts():
    late = PruneStep(sparsity=0.5, start=0.5)
    assert Recipe(steps=(late, QuantizeStep(bits=4))).steps == (QuantizeStep(bits=4), late)


def test_a_ready_recipe_is_changed_with_a_word_about_wrong_values():
    with pytest.raises(ConfigError, match=r"batch_size: got -5; expected an integer of at least 1"):
        recipes.joint(4, 0.5).training.replace(batch_size=-5)
    changed = recipes.joint(4, 0.5).replace(training={"epochs": 3})
    assert changed.training == TrainingPlan(epochs=3)


def test_a_default_that_changes_changes_the_fingerprint(monkeypatch):
    """Trials made with the old default are not taken for trials with the new one."""
    before = Recipe()
    with monkeypatch.context() as patch:
        patch.setattr(TrainingPlan.model_fields["batch_size"], "default", 64)
        TrainingPlan.model_rebuild(force=True)
        changed = TrainingPlan()
        assert changed.batch_size == 64
        assert Recipe(training=changed).hash != before.hash
    TrainingPlan.model_rebuild(force=True)
    assert Recipe(training=TrainingPlan()).hash == before.hash


@pytest.mark.parametrize("option", ["bits", "rounding", "granularity"])
def test_options_that_say_again_what_the_step_says_are_refused(option):
    step = {"kind": "quantize", "bits": 4, "options": {option: 8}}
    with pytest.raises(ConfigError, match=rf"expected options without {option}, which stand beside them"):
        Recipe.parse({"steps": [step]}, "recipe")
