"""A layer's way is told when it changes, and loudly when the fast path is lost unasked."""

import logging
import re
import sys

import pytest
import torch
from torch import nn

import tiny
from spareto import kernels, recipes
from spareto.compression import compress
from spareto.layers import decisions_of
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons.lif import LIF
from spareto.neurons.recurrent import Recurrent
from spareto.neurons.surrogates.arctan import Arctan

pytestmark = pytest.mark.skipif(kernels.backend() != "c", reason="ways differ where the C kernels run")
FRAMES = (torch.rand(3, 4, *tiny.SENSOR, generator=torch.Generator().manual_seed(0)) < 0.2).float()
LAYER = "Linear(in_features=72, out_features=5, bias=True)"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(sys.modules["spareto.kernels.decision_log"], "_warned", set())


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.DEBUG, logger="spareto")

    def since() -> list[tuple[str, str]]:
        found = [(record.levelname, record.getMessage()) for record in caplog.records]
        caplog.clear()
        return found

    return since


def layer(norm=None, neuron=None):
    return SpikingDense(nn.Linear(72, 5), neuron or LIF(), norm)


def test_a_new_way_is_told_and_the_same_again_is_not(told):
    one = layer()
    density = float(FRAMES.mean())
    one(FRAMES)
    why = "at most 0.65 of its inputs are spikes"
    assert told() == [("INFO", f"spareto: {LAYER} runs as events at density {density:.3f}: {why}.")]
    one(FRAMES)
    assert told() == []
    one(0.5 * FRAMES)
    assert told() == [("INFO", f"spareto: {LAYER} runs as dense: its input is not spikes only.")]
    with kernels.reference():
        one(FRAMES)
    assert told() == [("INFO", f"spareto: {LAYER} runs as reference: the reference was asked for.")]


def test_autocast_is_warned_of_once_a_layer(told):
    one = layer()
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            one(FRAMES)
        one(FRAMES)
    warned = [text for level, text in told() if level == "WARNING"]
    why = "autocast is at work. No fused kernel speeds it up."
    assert warned == [f"spareto: {LAYER} runs as reference: {why}"]


REASONS = [re.sub(r"\\{(:g)?\\}", ".+", re.escape(reason)) for reason in kernels.Reason]


def test_every_way_has_a_reason_of_the_enumeration(told):
    one, watching = layer(), watched()
    for run in (one, layer(nn.LayerNorm(5)), layer(neuron=Recurrent(5)), watching, layer().double()):
        run(FRAMES.to(run.linear.weight.dtype))
        assert any(re.fullmatch(reason, run.decision.why) for reason in REASONS), run.decision
    one(0.5 * FRAMES)
    assert one.decision.why is kernels.Reason.MIXED


class Square(Arctan):
    kernel = None


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (layer(nn.LayerNorm(5)), "LayerNorm has no kernel"),
        (layer(neuron=LIF(surrogate=Square())), "its surrogate has no kernel"),
    ],
    ids=["norm", "surrogate"],
)
def test_a_part_without_a_kernel_is_warned_of(one, why, told):
    one(FRAMES)
    text = f"spareto: {LAYER} runs as reference: {why}. No fused kernel speeds it up."
    assert told() == [("WARNING", text)]


def watched():
    one = layer()
    one.linear.register_forward_hook(lambda *_: None)
    return one


@pytest.mark.parametrize(
    ("one", "frames"),
    [(watched(), FRAMES), (layer().double(), FRAMES.double()), (layer(neuron=Recurrent(5)), FRAMES)],
    ids=["hooks", "double", "recurrent"],
)
def test_what_was_asked_for_is_told_quietly(one, frames, told):
    one(frames)
    assert [level for level, _ in told()] == ["INFO"]
    assert one.decision.way == "reference"


def test_a_compressed_layer_is_told_of_in_one_line(told):
    network = compress(tiny.network(), recipes.quantize(3))
    with torch.autocast("cpu", torch.bfloat16):
        network(FRAMES)
    texts = [text for level, text in told() if level == "WARNING"]
    assert len(texts) == 2
    assert texts[0].startswith("spareto: Conv2d(2, 3, kernel_size=(3, 3)")
    assert not any("\n" in text for text in texts)


def test_the_layers_of_a_network_are_found_by_name():
    network = tiny.network()
    assert decisions_of(network) == {}
    network(FRAMES)
    ran = decisions_of(network)
    assert list(ran) == ["features.0.conv", "readout.0.linear"]
    assert ran["features.0.conv"] is network.features[0].decision
    assert set(ran.values()) <= set(kernels.decisions())
    assert list(decisions_of(network.readout[0])) == ["linear"]


def test_the_kernels_of_a_device_have_a_name():
    assert kernels.kernels_on("cpu") == f"c ({kernels.library.level()})"
    assert kernels.kernels_on("meta") == "torch"
