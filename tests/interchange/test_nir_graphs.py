"""Graphs as the tests of the `nir` package build them: each is read, or refused with a reason."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

import spareto
from conventions import peer
from spareto.core.errors import ConfigError

nir = pytest.importorskip("nir")
RNG = np.random.default_rng(0)
UNCHECKED = {"type_check": False} if "type_check" in inspect.signature(nir.NIRGraph).parameters else {}


def joined(nodes, edges):
    """A graph whose shapes nobody looked at."""
    return nir.NIRGraph(nodes, edges, **UNCHECKED)


def affine(inputs, outputs):
    return nir.Affine(RNG.normal(size=(outputs, inputs)), RNG.normal(size=outputs))


def lif(count, tau=2.0, threshold=1.0):
    ones = np.ones(count)
    return nir.LIF(tau * ones, ones, 0 * ones, threshold * ones)


def source(*shape):
    return nir.Input(np.array(shape))


def sink(*shape):
    return nir.Output(np.array(shape))


def chain(*nodes):
    return joined({str(n): node for n, node in enumerate(nodes)},
                        [(str(n), str(n + 1)) for n in range(len(nodes) - 1)])  # fmt: skip


def branches():
    nodes = {"in": source(2), "a": affine(2, 3), "b": lif(3), "c": affine(3, 2), "d": affine(2, 2),
             "join": lif(2), "out": sink(2)}  # fmt: skip
    edges = [("in", "a"), ("a", "b"), ("b", "c"), ("c", "join"), ("in", "d"), ("d", "join"), ("join", "out")]
    return joined(nodes, edges)


def nested():
    inner = chain(source(3), lif(3), sink(3))
    return joined({"in": source(2), "a": affine(2, 3), "inner": inner, "out": sink(3)},
                        [("in", "a"), ("a", "inner"), ("inner", "out")])  # fmt: skip


def loop():
    nodes = {"in": source(3), "lif": lif(3), "w": nir.Linear(RNG.normal(size=(3, 3))), "out": sink(3)}
    return joined(nodes, [("in", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "out")])


def two_outputs():
    integrator = nir.LI(np.full(2, 2.0), np.ones(2), np.zeros(2))
    nodes = {"in": source(2), "a": lif(2), "b": integrator, "s": sink(2), "p": sink(2)}
    return joined(nodes, [("in", "a"), ("a", "b"), ("a", "s"), ("b", "p")])


def images():
    conv = nir.Conv2d((6, 6), RNG.normal(size=(4, 2, 3, 3)), 2, (1, 1), 1, 1, RNG.normal(size=4))
    pool = nir.SumPool2d(np.array([3, 3]), np.array([3, 3]), np.array([0, 0]))
    ones = np.ones((4, 3, 3))
    flat = nir.Flatten({"input": np.array([4, 1, 1])}, 0, -1)
    return chain(source(2, 6, 6), conv, nir.IF(ones, ones), pool, flat, affine(4, 2), lif(2), sink(2))


def rows():
    conv = nir.Conv1d(8, RNG.normal(size=(3, 2, 3)), 1, 1, 1, 1, np.zeros(3))
    grouped = nir.Conv1d(8, RNG.normal(size=(3, 1, 3)), 1, 1, 1, 3, np.zeros(3))
    fires, last = nir.IF(np.ones((3, 8)), np.ones((3, 8))), nir.Threshold(np.full((3, 8), 0.5))
    return chain(source(2, 8), conv, fires, grouped, last, sink(3, 8))


def current_based():
    return chain(source(3), nir.CubaLIF(*(np.full(3, v) for v in (2.0, 4.0, 6.0, 0.0, 1.0))), sink(3))


def leaky_integrator():
    return chain(source(3), nir.LI(np.full(3, 4.0), np.ones(3), np.full(3, 0.5)), sink(3))


def two_inputs():
    return joined({"a": source(2), "b": source(2), "out": sink(2)}, [("a", "out"), ("b", "out")])


READ = {
    "chain": lambda: chain(source(2), affine(2, 3), lif(3), affine(3, 2), lif(2), sink(2)),
    "delay": lambda: chain(source(3), nir.Delay(np.full(3, 2.0)), lif(3), sink(3)),
    "scale": lambda: chain(source(3), nir.Scale(np.array([1.0, 2.0, 3.0])), lif(3), sink(3)),
    "threshold": lambda: chain(source(3), nir.Threshold(np.full(3, 0.5)), sink(3)),
    "integrator": lambda: chain(source(3), nir.I(np.ones(3)), sink(3)),
    "integrate and fire": lambda: chain(source(3), nir.IF(np.ones(3), 2 * np.ones(3)), sink(3)),
    "leaky integrator": leaky_integrator,
    "current-based": current_based,
    "linear alone": lambda: chain(source(2), affine(2, 2), sink(2)),
    "branches": branches,
    "nested": nested,
    "loop": loop,
    "two outputs": two_outputs,
    "images": images,
    "rows": rows,
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_graphs_are_read_and_give_their_own_equations_spikes(name, reset, tmp_path):
    graph = READ[name]()
    shape = tuple(graph.nodes["0" if "0" in graph.nodes else "in"].input_type["input"])
    x = torch.rand(9, 4, *shape, generator=torch.Generator().manual_seed(0)) * 2
    nir.write(tmp_path / "a.nir", graph)
    for given in (graph, tmp_path / "a.nir"):
        back = spareto.convert(given, x, dt=1.0, reset=reset)
        assert "is the original's" in back.notes[-1]
    out = back(x)
    assert all(torch.isfinite(each).all() for each in (out.values() if isinstance(out, dict) else [out]))


REFUSED = {
    "values differ": (lambda: chain(source(3), nir.LIF(np.array([10.0, 20, 30]), *[np.ones(3)] * 3), sink(3)),
                      r"node '1'\.tau: got 3 values from 10 to 30"),
    "shapes differ": (lambda: chain(source(2), affine(2, 3), lif(2), sink(2)), "shape \\(2,\\) for signals"),
    "wrong columns": (lambda: chain(source(2), affine(3, 3), lif(3), sink(3)), "weights of shape \\(3, 3\\)"),
    "no output": (lambda: joined({"a": affine(2, 2)}, [("a", "a")]), "0 inputs"),
    "no way out": (lambda: joined({"in": source(2), "out": sink(2)}, []), "no output that the input"),
    "two inputs": (two_inputs, "2 inputs"),
    "a loop without neurons": (lambda: joined({"in": source(2), "a": affine(2, 2), "out": sink(2)},
                                                    [("in", "a"), ("a", "a"), ("a", "out")]), "a loop of a"),
    "half a delay": (lambda: chain(source(3), nir.Delay(np.full(3, 0.5)), sink(3)), "0.5 timesteps"),
    "short time constant": (lambda: chain(source(3), lif(3, tau=0.5), sink(3)), "at least dt, 1"),
    "more axes": (lambda: chain(source(2), nir.Affine(np.ones((2, 3, 2)), np.ones(3)), sink(3)), "2 axes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_other_graphs_are_refused_with_a_reason(name, tmp_path):
    make, reason = REFUSED[name]
    with pytest.raises(ConfigError, match=reason):
        spareto.convert(make(), dt=1.0, reset="zero")


def test_a_published_graph():
    """The braille reader that comes with Norse: recurrent, current-based, in a graph of its own."""
    folder = Path(peer("norse.torch").__file__).parent / "utils" / "test"
    x = (torch.rand(20, 3, 12, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    back = spareto.convert(folder / "braille.nir", x, dt=1e-4, reset="zero")
    assert type(back.parts["fc1"].neuron).__name__ == "Recurrent"
    assert "is the original's" in back.notes[-1]
