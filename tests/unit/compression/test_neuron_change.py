"""Thresholds, leaks and surrogates as fields of a recipe, and so as choices of a search."""

import pytest
import torch

import tiny
from spareto import recipes
from spareto.compression import compress, compress_and_train
from spareto.core.errors import ConfigError, UnknownName
from spareto.profiling import profile
from spareto.records import NeuronChange, Recipe, TrainingPlan
from spareto.study.search.recipes import recipe_of
from spareto.study.search.space import Space


def changed(**change):
    return Recipe(neurons=NeuronChange(**change), training=TrainingPlan(epochs=1, batch_size=4))


def spikes(recipe):
    data = tiny.frame_data()
    network = compress(tiny.network(hidden=(16,)).eval(), recipe)
    layers = profile(network, data.train_frames, data.train_labels).workload.layers
    return sum(layer.output.nonzero_mean for layer in layers)


def test_every_neuron_gets_the_numbers_and_a_gain_that_follows_the_leak():
    network = compress(tiny.network(), changed(v_threshold=0.4, beta=0.9, surrogate="sigmoid", slope=3.0))
    for neuron in (network.features[0].neuron, network.readout[0].neuron):
        assert (neuron.v_threshold, neuron.beta, neuron.gain) == (0.4, 0.9, 1.0 - 0.9)
        assert (neuron.surrogate_name, neuron.surrogate.alpha) == ("sigmoid", 3.0)
    assert tiny.network().features[0].neuron.v_threshold == 1.0


def test_a_gain_of_its_own_stays():
    given = tiny.network(neuron={"name": "lif", "gain": 1.0})
    assert compress(given, changed(beta=0.25)).features[0].neuron.gain == 1.0


def test_a_lower_threshold_and_a_smaller_leak_make_more_spikes():
    by_threshold = [spikes(changed(v_threshold=level)) for level in (2.0, 0.5, 0.1)]
    assert by_threshold == sorted(by_threshold)
    assert by_threshold[0] < by_threshold[-1]


def test_it_is_in_force_before_training_and_in_stored_networks():
    recipe = changed(v_threshold=0.3).replace(steps=recipes.quantize(4).steps)
    made = compress_and_train(tiny.network(), recipe, tiny.frame_data())
    again = compress(tiny.network(seed=1), recipe, stored=tuple(made.state_dict()))
    again.load_state_dict(made.state_dict())
    frames = torch.from_numpy(tiny.frame_data().train_frames).float()
    assert torch.equal(made(frames), again.eval()(frames))
    assert again.features[0].neuron.v_threshold == 0.3


def test_recipes_without_it_keep_their_fingerprint_and_others_have_their_own():
    found = {recipe.hash for recipe in (Recipe(), changed(beta=0.5), changed(v_threshold=0.5))}
    assert len(found) == 3
    assert "neurons" in Recipe().to_dict()


def test_a_search_chooses_them_by_their_path():
    space = Space(bits=[4], fields={"neurons.v_threshold": [0.5, 1.0], "neurons.surrogate": ["sigmoid"]})
    variables = space.variables(["a"])
    point = {"bits": 4, "neurons.v_threshold": 0.5, "neurons.surrogate": "sigmoid"}
    recipe = recipe_of(point, variables, {}, TrainingPlan())
    assert recipe.neurons == NeuronChange(v_threshold=0.5, surrogate="sigmoid")


@pytest.mark.parametrize(
    ("network", "change", "error", "words"),
    [
        (lambda: tiny.network(neuron="plif"), {"beta": 0.5}, ConfigError, "no 'beta' that is a plain number"),
        (tiny.plain, {"v_threshold": 0.5}, ConfigError, r"recipe\.neurons: got a network without them"),
        (tiny.network, {"surrogate": "sigmoit"}, UnknownName, "sigmoid"),
    ],
    ids=["learned", "foreign", "unknown"],
)
def test_what_does_not_fit_is_refused_by_name(network, change, error, words):
    with pytest.raises(error, match=words):
        compress(network(), changed(**change))


def test_nothing_to_change_is_refused():
    with pytest.raises(ConfigError, match="at least one of v_threshold"):
        NeuronChange()
