"""Weights in the engine's memory: every form of rows gives the same spikes, and all take little memory."""

import numpy as np
import pytest
import torch

import spareto
from lowering.random_networks import CLASSES
from spareto.integer import IntegerLayer, IntegerNetwork, IntegerNeuron, Reference, Synapses
from spareto.integer.network import Feedback
from spareto.lowering import lower
from spareto.package import write_package
from spareto.records import PruneStep, QuantizeStep, Recipe
from spareto.runtime import Engine, kernels
from spareto.runtime.rows import FORMS, INT4, INT8, LIVE_INT4, LIVE_INT8, LIVE_SIGNS, TERNARY, WOVEN

needs_c = pytest.mark.skipif(kernels.engine() != "c", reason="the C engine cannot run here")
KINDS = {1: (TERNARY, LIVE_SIGNS), 7: (INT4, LIVE_INT4), 127: (INT8, LIVE_INT8)}


def drawn(shape, largest, share, seed=0):
    """Weights, a share of them live."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, largest + 1, shape) * rng.choice([-1, 1], shape)
    return (weights * (rng.random(shape) < share)).astype(np.int32)


def network(weights, sensor, *, back=None, **geometry):
    """One layer."""
    neuron = IntegerNeuron(16, 0, 4, 30_000, 13, 4000, keep=True, drop_threshold=True)
    ones = np.ones(len(weights), np.int64)
    feedback = None if back is None else Feedback(Synapses(back, 8), ones)
    layer = IntegerLayer("layer", -1, Synapses(weights, 8, **geometry), ones, 0 * ones, neuron, feedback)
    return IntegerNetwork(sensor, len(weights), (layer,), 1, 1.0, None, {})


def frames_of(sensor):
    """Timesteps from silence to spikes everywhere."""
    rng = np.random.default_rng(1)
    return np.stack([rng.random(sensor) < share for share in (0.0, 0.03, 0.2, 1.0, 0.05)]).astype(np.uint8)


def check(lowered):
    """All forms, whole timesteps and rows shared among threads: the reference's spikes."""
    frames = frames_of(lowered.sensor)
    expected = Reference(lowered).run(frames[:, None])[0][:, 0]
    for form in (None, *FORMS):
        engine = Engine(lowered, rows=form)
        assert np.array_equal(engine.session().outputs(frames)[0], expected), form
        for plan in engine.plans.values():  # as on a processor that cannot lay bytes into lanes
            plan.struct.expands = 0
        assert np.array_equal(engine.session(threads=2).outputs(frames)[0], expected), form


@needs_c
@pytest.mark.parametrize("largest", [1, 7, 127, 128])
@pytest.mark.parametrize(("outputs", "inputs"), [(10, 3), (64, 32), (100, 70), (130, 64)])
def test_all_forms_of_rows_give_the_same_spikes(largest, outputs, inputs):
    weights = drawn((outputs, inputs, 5, 5), largest, 0.2)
    lowered = network(weights, (inputs, 7, 9), stride=(1, 2), padding=(2, 1))
    check(lowered)
    if largest in KINDS:
        whole, live = KINDS[largest]
        assert Engine(lowered, rows="whole").plans[0].rows.kind in (whole, INT8, WOVEN)
        assert Engine(lowered, rows="live").plans[0].rows.kind == live


@needs_c
@pytest.mark.parametrize("geometry", [{"dilation": (2, 2)}, {"dilation": (2, 1)}, {"stride": (3, 1)}])
def test_windows_of_other_geometries_give_the_same_spikes(geometry):
    check(network(drawn((40, 20, 3, 3), 100, 0.5), (20, 9, 70), padding=(1, 1), **geometry))


@needs_c
@pytest.mark.parametrize("share", [0.0, 0.02, 0.9, 1.0])
def test_dense_layers_keep_their_live_weights(share):
    check(network(drawn((37, 600, 1, 1), 60, share), (600, 1, 1), flat=True))


@needs_c
def test_weights_wider_than_a_byte_stay_whole():
    lowered = network(drawn((10, 20, 3, 3), 3000, 0.1), (20, 6, 6), padding=(1, 1))
    check(lowered)
    assert Engine(lowered, rows="live").weight_bytes == Engine(lowered, rows="whole").weight_bytes


@needs_c
@pytest.mark.parametrize("largest", [1, 7, 100])
def test_what_comes_back_keeps_its_live_weights(largest):
    back = drawn((70, 70, 1, 1), largest, 0.1, seed=2)
    check(network(drawn((70, 30, 3, 3), 50, 0.3), (30, 5, 5), back=back))


@pytest.fixture(scope="module")
def made():
    torch.manual_seed(0)
    return spareto.networks.build(
        "conv", sensor=(2, 18, 18), classes=CLASSES, channels=(32, 64), votes=1
    ).eval()


@needs_c
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.8, 0.9, 0.95, 0.975])
def test_weights_take_at_most_twice_their_package(made, bits, sparsity, tmp_path):
    steps = (PruneStep(sparsity=sparsity, scope="per_layer"),) if sparsity else ()
    small = spareto.compress(made, Recipe(steps=(*steps, QuantizeStep(bits=bits)))).eval()
    lowered = lower(small).network
    write_package(tmp_path / "a.spareto", lowered)
    engine = Engine.load(tmp_path / "a.spareto")
    assert engine.weight_bytes <= 2 * (tmp_path / "a.spareto").stat().st_size
    frames = frames_of(lowered.sensor)
    assert np.array_equal(
        engine.session().outputs(frames)[-1], Reference(lowered).run(frames[:, None])[-1][:, 0]
    )


@needs_c
def test_rows_stay_whole_where_memory_allows_it(made):
    small = spareto.compress(made, spareto.recipes.quantize(bits=8)).eval()
    plans = Engine(lower(small).network).plans.values()
    assert {plan.rows.kind for plan in plans} <= {INT8, WOVEN}
