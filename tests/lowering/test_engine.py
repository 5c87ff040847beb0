"""The engine alone: streams of any chunks, events, threads, many networks, nothing but numpy."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import spareto
from lowering.random_networks import CLASSES, lowerable
from spareto.compression import compress
from spareto.core.errors import DataError, SparetoError
from spareto.data._base import DatasetInfo, Recordings
from spareto.data.frames import frames as binned
from spareto.integer import Reference
from spareto.lowering import lower
from spareto.package import write_package
from spareto.runtime import Engine

SENSOR = (2, 10, 12)
FACTS = {"frames": {"timesteps": 7, "duration_us": 1000, "binary": True, "most": 1}}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = spareto.networks.registry.make("conv", sensor=SENSOR, classes=3)
    small = compress(made, spareto.recipes.quantize(bits=4)).eval()
    return lower(small, facts=FACTS).network


@pytest.fixture(scope="module")
def frames():
    return (np.random.default_rng(0).random((40, *SENSOR)) < 0.2).astype(np.uint8)


@pytest.mark.parametrize("chunk", [1, 3, 33, 40])
def test_chunks_of_any_size_give_the_same(network, frames, chunk):
    session = Engine(network).session()
    for start in range(0, len(frames), chunk):
        decision = session.push_frames(frames[start : start + chunk])
    assert decision == Engine(network).decide(frames)
    assert decision.votes == tuple(Reference(network).counts(frames[:, None])[0].tolist())
    assert decision.timesteps == 40
    assert 0 <= decision.confidence <= 1


def drawn_events(count=400):
    rng = np.random.default_rng(1)
    t = np.sort(rng.integers(0, 1100, count))
    return rng.integers(0, 12, count), rng.integers(0, 10, count), rng.integers(0, 2, count), t


@pytest.mark.parametrize("chunk", [1, 7, 400])
def test_events_are_binned_as_the_data_sets_bin_them(network, chunk):
    x, y, p, t = drawn_events()
    recording = Recordings(x, y, p, t, np.array([0, len(t)]), np.array([0]))
    expected = binned(recording, DatasetInfo(3, SENSOR, 1000, "", ""), 7)[:, 0]
    session = Engine(network).session()
    for start in range(0, len(t), chunk):
        part = slice(start, start + chunk)
        session.push(x[part], y[part], p[part], t[part])
    assert session.finish() == Engine(network).decide(expected)


def test_events_that_go_back_or_lie_outside_are_refused(network):
    session = Engine(network).session()
    session.push([1], [1], [1], [500])
    with pytest.raises(DataError, match="back in time"):
        session.push([1], [1], [1], [499])
    with pytest.raises(DataError, match="columns below 12"):
        session.push([12], [1], [1], [600])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((3, 2, 9, 9)), "shape"),
        (np.full((1, *SENSOR), 2), "values from"),
        (np.full((1, *SENSOR), 0.5), "fractions"),
    ],
)
def test_other_frames_are_refused(network, given, said):
    with pytest.raises(DataError, match=said):
        Engine(network).decide(given)


def test_threads_share_one_engine(network, frames):
    engine = Engine(network)
    expected, found = engine.decide(frames), []

    def work():
        found.extend(engine.decide(frames) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 20


def test_a_network_with_attention_waits_for_all_timesteps():
    seed = next(s for s in range(400) if lowerable_has_attention(s))
    small, sensor, drawn, most = lowerable(seed)
    lowered = lower(small, sensor=sensor, classes=CLASSES, input_most=most).network
    session = Engine(lowered).session()
    for frame in drawn[:, 0].numpy():
        decision = session.push_frames(frame[None])
    assert decision.votes == tuple(Reference(lowered).counts(drawn[:, :1].numpy())[0].tolist())
    with pytest.raises(DataError, match="reset"):
        session.push_frames(drawn[:1, 0].numpy())


def lowerable_has_attention(seed):
    small, _, drawn, _ = lowerable(seed)
    return len(drawn) > 1 and any(type(layer).__name__ == "TCJA" for layer in small)


def test_states_and_weights_take_what_is_said(tmp_path):
    """Pruned ternary weights in memory: at most twice the package."""
    torch.manual_seed(0)
    made = spareto.networks.registry.make("conv", sensor=SENSOR, classes=3, channels=(64, 64), hidden=[128])
    small = compress(made, spareto.recipes.joint(bits=2, sparsity=0.8)).eval()
    path = tmp_path / "a.spareto"
    write_package(path, lower(small).network)
    engine = Engine.load(path)
    assert engine.weight_bytes <= 2 * path.stat().st_size
    states = engine.session().states
    assert sum(a.nbytes for found in states.values() for a in found.values()) == engine.state_bytes


ALONE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in "torch pydantic yaml scipy sklearn matplotlib rich cyclopts jinja2 platformdirs".split():
            raise ImportError(f"{top} is not installed")

sys.meta_path.insert(0, Blocked())
import numpy as np
from spareto.runtime import Engine
engine = Engine.load(sys.argv[1], kernels_on="numpy")
print(engine.decide(np.ones((3, 2, 10, 12), np.uint8)).votes)
"""


def test_it_runs_with_numpy_alone(network, tmp_path):
    path = tmp_path / "a.spareto"
    write_package(path, network)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(Engine(network).decide(np.ones((3, *SENSOR), np.uint8)).votes)


def test_a_state_is_the_same_after_many_timesteps_as_after_chunks(network):
    rng = np.random.default_rng(2)
    session, other = Engine(network).session(), Reference(network)
    for _ in range(20):
        some = (rng.random((64, *SENSOR)) < 0.1).astype(np.uint8)
        session.push_frames(some)
        other.run(some[:, None])
    for number, states in session.states.items():
        v = states["v"][..., : session.engine.shapes[number][0]]
        assert np.array_equal(v.transpose(2, 0, 1), other.states[number]["v"][0])


def test_asking_for_an_unknown_engine_is_an_error(monkeypatch, network):
    from spareto.runtime import kernels

    monkeypatch.setenv("SPARETO_RUNTIME", "fortran")
    with pytest.raises(SparetoError, match="c, numpy"):
        kernels.engine.__wrapped__()
