"""The slow twin: a NIR graph run node by node and timestep by timestep, as its equations stand.

v[t] = v[t-1] + dt / tau · (v_leak − v[t-1] + r · i[t])
z[t] = v[t] > v_threshold, which sets v to v_reset
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spareto.interchange.nir.flat import NEURONS, FlatGraph
from spareto.interchange.nir.layers import flattened
from spareto.interchange.nir.tree import Tree


def run(
    graph: FlatGraph,
    layers: dict[str, nn.Module],
    shapes: dict[str, tuple[int, ...]],
    frames: Tensor,
    dt: float,
    reset: str | None,
) -> tuple[dict[str, Tensor], Tensor | dict[str, Tensor]]:
    """What each node of neurons emits, and what the outputs give, all `(time, samples, ...)`.

    Args:
        graph: The graph; it has been read, so its parameters are those of neurons and layers.
        layers: Its layers, by node.
        shapes: Of each node's signal of one sample.
        frames: Shape `(time, samples, ...)`.
        dt: Of a timestep.
        reset: What a spike does where the file does not say.
    """
    states: dict[str, Any] = {}
    before: dict[str, Tensor] = {}
    for name in reversed(graph.order):
        for source, back in graph.into(name):
            if back:
                before[source] = _at_rest(graph, source, layers, shapes, frames[0])
    emitted: dict[str, list[Tensor]] = {name: [] for name in graph.order}
    for frame in frames:
        now: dict[str, Tensor] = {graph.input: frame}
        for name in graph.order:
            if name != graph.input:
                given = [before[source] if back else now[source] for source, back in graph.into(name)]
                total = sum(given[1:], given[0])
                now[name] = _run(graph.nodes[name], name, total, layers, states, dt, reset)
            emitted[name].append(now[name])
        before = now
    found = {name: torch.stack(values) for name, values in emitted.items()}
    spikes = {name: found[name] for name in graph.order if graph.nodes[name].kind in NEURONS}
    ends = {name: found[name] for name in graph.outputs}
    return spikes, next(iter(ends.values())) if len(ends) == 1 else ends


def _at_rest(
    graph: FlatGraph,
    name: str,
    layers: dict[str, nn.Module],
    shapes: dict[str, tuple[int, ...]],
    frame: Tensor,
) -> Tensor:
    """What a node gives before the first timestep, where no neuron has fired: biases, if it is a layer."""
    node = graph.nodes[name]
    if name == graph.input or node.kind in (*NEURONS, "Delay"):
        return frame.new_zeros((len(frame), *shapes[name]))
    given = [_at_rest(graph, source, layers, shapes, frame) for source, _ in graph.into(name)]
    return _run(node, name, sum(given[1:], given[0]), layers, {}, 1.0, None)


def _run(
    node: Tree,
    name: str,
    x: Tensor,
    layers: dict[str, nn.Module],
    states: dict[str, Any],
    dt: float,
    reset: Any,
) -> Tensor:
    if name in layers:
        return layers[name](x)
    if node.kind == "Flatten":
        return x.reshape(len(x), *flattened(node, tuple(x.shape[1:]), lambda *_: None))
    if node.kind == "Scale":
        return x * _of(node, "scale")
    if node.kind == "Delay":
        kept = states.setdefault(name, [])
        kept.append(x)
        steps = round(float(_of(node, "delay").reshape(-1)[0]) / dt)
        return kept[-1 - steps] if steps < len(kept) else torch.zeros_like(x)
    if node.kind == "Threshold":
        return (x > _of(node, "threshold")).to(x.dtype)
    return _neuron(node, name, x, states, dt, reset) if node.kind in NEURONS else x


def _neuron(node: Tree, name: str, x: Tensor, states: dict[str, Any], dt: float, reset: Any) -> Tensor:
    leak = _of(node, "v_leak") if "v_leak" in node.values else torch.zeros(())
    v, i = states.get(name, (torch.zeros_like(x) + leak, torch.zeros_like(x)))
    r = _of(node, "r")
    if node.kind in ("CubaLIF", "CubaLI"):
        w = _of(node, "w_in") if "w_in" in node.values else 1.0
        i = i + dt / _of(node, "tau_syn") * (w * x - i)
        x = i
    if node.kind in ("IF", "I"):
        v = v + dt * r * x
    else:
        v = v + dt / _of(node, "tau" if "tau" in node.values else "tau_mem") * (leak - v + r * x)
    if node.kind in ("LI", "CubaLI", "I"):
        states[name] = (v, i)
        return v
    z = (v > _of(node, "v_threshold")).to(x.dtype)
    level = _of(node, "v_reset") if "v_reset" in node.values else torch.zeros(())
    lowered = v - _of(node, "v_threshold") if "v_reset" not in node.values and reset == "subtract" else level
    states[name] = (torch.where(z > 0, lowered, v), i)
    return z


def _of(node: Tree, name: str) -> Tensor:
    value = node.values[name]
    return (
        torch.from_numpy(np.asarray(value, np.float64).copy()).float()
        if value.size > 1
        else torch.tensor(float(value.reshape(-1)[0]))
    )
