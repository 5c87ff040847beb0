"""Every registered optimizer keeps the laws; a new file in training/optimizers/ is tested here unasked."""

import copy

import pytest
import torch

import tiny
from spareto import recipes
from spareto.compression import compress
from spareto.core.errors import ConfigError, UnknownName
from spareto.records import OptimizerPlan, Recipe, TrainingPlan, UpdatePlan
from spareto.testing import optimizers as laws
from spareto.training import train
from spareto.training.optimizer import optimizer_of
from spareto.training.optimizers import registry

UPDATES = (None, UpdatePlan(bits=10), UpdatePlan(bits=12, rounding="stochastic"))


@pytest.fixture(params=registry.names())
def name(request):
    return request.param


@pytest.fixture(params=[tiny.network, lambda: compress(tiny.network(), recipes.joint(3, 0.5)), tiny.plain])
def network(request):
    return request.param()


@pytest.mark.parametrize("update", UPDATES, ids=str)
def test_laws(name, network, update):
    plan = TrainingPlan(optimizer=OptimizerPlan(name=name), learning_rate=0.5, update=update)
    laws.check_groups(network, plan)
    laws.check_resumes(network, copy.deepcopy(network), plan)
    laws.check_moves(network, plan)


def test_a_training_learns_and_resumes(name, tmp_path):
    data, options = tiny.frame_data(), {"additive_rate": 0.1} if name == "madam" else {}
    rate = {"adam": 0.02, "sgd": 0.3}.get(name, 0.1)
    plan = TrainingPlan(
        epochs=30, batch_size=4, learning_rate=rate, l1=1e-4, optimizer={"name": name, "options": options}
    )
    whole, losses = tiny.network(), []
    train(whole, data, plan, on_epoch=lambda report: losses.append(report.loss))
    assert losses[-1] < 0.6 * losses[0]
    killed = tiny.network()

    def kill(report):
        if report.epoch == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(killed, data, plan, checkpoint=tmp_path / "state", on_epoch=kill)
    train(killed, data, plan, checkpoint=tmp_path / "state")
    for one, two in zip(whole.parameters(), killed.parameters(), strict=True):
        assert torch.equal(one, two)


def test_names_and_options_are_checked_at_the_door():
    plan = TrainingPlan.parse({"optimizer": "sgd"}, "training")
    assert optimizer_of(plan) == registry.get("sgd")(momentum=0.9)
    wrong = {"optimizer": {"name": "sgd", "options": {"momentun": 1}}}
    with pytest.raises(ConfigError, match=r"training\.optimizer\.options\.momentun: got an unknown key"):
        optimizer_of(TrainingPlan.parse(wrong, "training"))
    with pytest.raises(UnknownName, match=r"optimizer: got 'madan'.*Did you mean 'madam'\?"):
        train(tiny.network(), tiny.frame_data(), TrainingPlan.parse({"optimizer": "madan"}, "training"))
    with pytest.raises(ConfigError, match=r"optimizer: got 3; expected the name of an optimizer, or its"):
        TrainingPlan.parse({"optimizer": 3}, "training")


def test_a_recipe_with_an_unknown_optimizer_is_refused_in_rehearsal():
    from spareto.compression import rehearse

    recipe = Recipe.parse({"training": {"optimizer": "adamant"}}, "recipe")
    with pytest.raises(UnknownName, match="optimizer: got 'adamant'"):
        rehearse(tiny.network(), recipe, tiny.frame_data())
