"""Arguments of the wrong kind are refused by name at the door of the public functions."""

import inspect
import math

import pytest
import torch

import spareto
import tiny
from spareto.core.errors import ConfigError, SparetoError

OTHERS = (None, -1, 10**300, 2**63, math.nan, "x", b"x", [], {}, object(), torch.zeros(3), int, torch.nn.ReLU)
DATA = tiny.frame_data(samples=4)
PLAN = spareto.TrainingPlan(epochs=0)
CALLS = {
    "train, network": lambda other: spareto.train(other, DATA, PLAN),
    "train, plan": lambda other: spareto.train(tiny.network(), DATA, other),
    "train, seed": lambda other: spareto.train(tiny.network(), DATA, PLAN, seed=other),
    "evaluate, network": lambda other: spareto.evaluate(other, DATA),
    "profile, network": lambda other: spareto.profile(other, DATA.test_frames, DATA.test_labels),
    "profile, neurons": lambda other: profiled(neurons=other),
    "profile, weight_bits": lambda other: profiled(weight_bits=other),
    "profile, time": lambda other: profiled(time=other),
    "profile, vote": lambda other: profiled(vote=other),
    "profile, layout": lambda other: profiled(layout=other),
    "energy, on": lambda other: spareto.energy(tiny.network(), DATA.test_frames, on=other, show=False),
    "bake": spareto.bake,
    "fold_batch_norm": spareto.fold_batch_norm,
    "shrink": lambda other: spareto.shrink(other, torch.zeros(2, 1, *tiny.SENSOR)),
    "compression_report": spareto.compression_report,
    "compress, network": lambda other: spareto.compress(other, spareto.recipes.quantize(4)),
    "compress, recipe": lambda other: spareto.compress(tiny.network(), other),
    "load_network": spareto.load_network,
    "load_frames": lambda other: spareto.load_frames("digits", timesteps=other, sensor=8),
}


MEANT = {
    **dict.fromkeys(("neurons", "weight_bits", "time", "vote", "layout"), (type(None), dict)),
}
"""Left out, or empty: what these take."""


def profiled(**options):
    return spareto.profile(tiny.network(), DATA.test_frames, DATA.test_labels, **options)


@pytest.mark.parametrize("call", CALLS)
def test_an_argument_of_the_wrong_kind_is_refused(call):
    for other in OTHERS:
        if isinstance(other, MEANT.get(call.removeprefix("profile, "), ())):
            continue
        with pytest.raises(SparetoError) as refused:
            CALLS[call](other)
        assert len(str(refused.value)) < 1000


def functions():
    named = ((name, getattr(spareto, name)) for name in spareto.__all__)
    return {name: found for name, found in named if inspect.isfunction(found)}


@pytest.mark.parametrize("name", functions())
@pytest.mark.parametrize(
    "other", [3, "x", None, {"a": 1}, torch.nn.ReLU], ids=lambda each: type(each).__name__
)
def test_every_public_function_refuses_other_kinds_in_words(name, other, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = functions()[name]
    needed = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    places = [each for each in needed if each.kind is each.POSITIONAL_OR_KEYWORD]
    named = {each.name: other for each in needed if each.kind is each.KEYWORD_ONLY}
    with pytest.raises(SparetoError):
        function(*[other] * len(places), **named)


@pytest.mark.parametrize("seed", [0, 2**31, 2**62, 2**63 - 1])
def test_every_seed_trains(seed):
    network = tiny.network()
    spareto.train(network, DATA, spareto.TrainingPlan(epochs=1, batch_size=4), seed=seed)
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_a_checkpoint_is_a_path():
    for other in (0, b"x", [], "", "."):
        with pytest.raises(ConfigError, match="checkpoint"):
            spareto.train(tiny.network(), DATA, PLAN, checkpoint=other)
