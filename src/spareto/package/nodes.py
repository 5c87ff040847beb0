"""An integer network as a manifest, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import numpy as np

from spareto.integer.checks import check
from spareto.integer.network import (
    Adaptation,
    Attention,
    Current,
    Feedback,
    IntegerLayer,
    IntegerNetwork,
    IntegerNeuron,
    Join,
    Node,
    Pool,
    Synapses,
)
from spareto.package.constants import Reader, Writer
from spareto.package.weights import Part, Stored, Stream

_KINDS: Final = {"layer": IntegerLayer, "pool": Pool, "join": Join, "attention": Attention}
_LONGEST_NAME: Final = 400


def described(network: IntegerNetwork, stored: Stored, constants: Writer) -> dict[str, Any]:
    """The manifest; constants are put aside, in the order in which `built` takes them."""
    parts = iter(stored.parts)
    return {
        "sensor": list(network.sensor),
        "classes": network.classes,
        "input_most": network.input_most,
        "input_step": network.input_step,
        "timesteps": network.timesteps,
        "facts": network.facts,
        "nodes": [_described(node, parts, constants) for node in network.nodes],
    }


def _described(node: Node, parts: Any, constants: Writer) -> dict[str, Any]:
    if isinstance(node, IntegerLayer):
        found = {"kind": "layer", "name": node.name, "source": node.source}
        found["synapses"] = _synapses(node.synapses, next(parts), constants)
        found["multiplier"] = constants.put(node.multiplier)
        found["bias"] = constants.put_bias(node.bias)
        found["neuron"] = _neuron(node.neuron)
        if node.feedback is not None:
            back = _synapses(node.feedback.synapses, next(parts), constants)
            found["feedback"] = {"synapses": back, "multiplier": constants.put(node.feedback.multiplier)}
        return found
    if isinstance(node, Attention):
        return {
            "kind": "attention",
            "name": node.name,
            "source": node.source,
            "temporal": _synapses(node.temporal, next(parts), constants),
            "channel": _synapses(node.channel, next(parts), constants),
            "padding": list(node.padding),
            "multiplier": node.multiplier,
            "shift": node.shift,
            "table": constants.put(node.table),
        }
    kind = "pool" if isinstance(node, Pool) else "join"
    plain = ((f.name, getattr(node, f.name)) for f in fields(node))
    return {"of": kind, **{name: list(v) if isinstance(v, tuple) else v for name, v in plain}}


def _synapses(synapses: Synapses, part: Part, constants: Writer) -> dict[str, Any]:
    found: dict[str, Any] = {
        "shape": list(synapses.weights.shape),
        "bits": synapses.bits,
        **{f.name: getattr(part, f.name) for f in fields(part)},
    }
    if synapses.levels is not None:
        found["levels"] = constants.put(synapses.levels)
    if synapses.flat:
        return found | {"flat": True}
    geometry = {name: list(getattr(synapses, name)) for name in ("stride", "padding", "dilation")}
    return found | geometry | {"groups": synapses.groups}


def _neuron(neuron: IntegerNeuron) -> dict[str, Any]:
    """What differs from a neuron's defaults, and what has none."""
    found: dict[str, Any] = {}
    for each in fields(neuron):
        value = getattr(neuron, each.name)
        if value != each.default:
            parts = isinstance(value, Current | Adaptation)
            found[each.name] = {f.name: getattr(value, f.name) for f in fields(value)} if parts else value
    return found


def built(manifest: Any, constants: Reader, stream: Stream) -> tuple[IntegerNetwork, tuple[str, ...]]:
    """The network of a manifest, checked, and the formats of its weights.

    Raises:
        ValueError: The manifest is not one of ours.
        ConfigError: The network cannot be run safely.
    """
    names: list[str] = []
    taker = _Taker(constants, stream, names)
    found = _mapping(manifest, "manifest")
    nodes = found.get("nodes")
    if not isinstance(nodes, list):
        raise ValueError("a manifest without nodes")
    step = found["input_step"]
    if not isinstance(step, int | float) or isinstance(step, bool):
        raise ValueError("an input step that is no number")
    timesteps = found["timesteps"]
    network = IntegerNetwork(
        _numbers(found["sensor"], 3),
        _number(found["classes"]),
        tuple(taker.node(_mapping(node, "node")) for node in nodes),
        _number(found["input_most"]),
        float(step),
        None if timesteps is None else _number(timesteps),
        _mapping(found["facts"], "facts"),
    )
    check(network)
    return network, tuple(names)


class _Taker:
    """Nodes from descriptions."""

    def __init__(self, constants: Reader, stream: Stream, names: list[str]) -> None:
        self._constants, self._stream, self._names = constants, stream, names

    def node(self, said: dict[str, Any]) -> Node:
        if said.get("kind") == "layer":
            return self._layer(said)
        if said.get("kind") == "attention":
            return self._attention(said)
        if said.get("of") == "pool" and said.get("kind") in ("max", "sum"):
            sides = {key: _numbers(said[key], 2) for key in ("kernel", "stride", "padding", "size")}
            return Pool(_name(said), _number(said["source"]), said["kind"], **sides)
        if said.get("of") == "join" and said.get("kind") in ("add", "and", "iand"):
            ends = _number(said["source"]), _number(said["other"])
            return Join(_name(said), *ends, said["kind"], _numbers(said["factors"], 2))
        raise ValueError(f"a node of kind {str(said.get('kind'))[:40]!r}")

    def _layer(self, said: dict[str, Any]) -> IntegerLayer:
        synapses = self._synapses(said["synapses"])
        multiplier = self._constants.take(said["multiplier"])
        bias = self._constants.take_bias(said["bias"], len(synapses.weights))
        neuron = _neuron_of(_mapping(said["neuron"], "neuron"))
        feedback = None
        if "feedback" in said:
            back = _mapping(said["feedback"], "feedback")
            fed = self._synapses(back["synapses"])
            feedback = Feedback(fed, self._constants.take(back["multiplier"]))
        source = _number(said["source"])
        return IntegerLayer(_name(said), source, synapses, multiplier, bias, neuron, feedback)

    def _attention(self, said: dict[str, Any]) -> Attention:
        temporal, channel = self._synapses(said["temporal"]), self._synapses(said["channel"])
        numbers = {key: _number(said[key]) for key in ("source", "multiplier", "shift")}
        padding, table = _numbers(said["padding"], 2), self._constants.take(said["table"])
        return Attention(
            _name(said), temporal=temporal, channel=channel, padding=padding, table=table, **numbers
        )

    def _synapses(self, said: Any) -> Synapses:
        said = _mapping(said, "synapses")
        shape, bits = _numbers(said["shape"], 4), _number(said["bits"])
        if min(shape) < 1 or not 1 <= bits <= 17:
            raise ValueError(f"weights of shape {shape} with {bits} bits")
        levels = None
        if "levels" in said:
            levels = self._constants.take(said["levels"])
            if levels.ndim != 2 or len(levels) not in (1, shape[0]) or not 1 <= levels.shape[1] <= 1 << bits:
                raise ValueError(f"a table of levels of shape {levels.shape}")
            if np.abs(levels).max() >= 1 << 17:
                raise ValueError("a level too large")
        weights = self._stream.take(said, shape, bits, levels)
        self._names.append(str(said["format"]))
        kept = None if levels is None else levels.astype(np.int32)
        if said.get("flat", False) is True:
            return Synapses(weights, bits, kept, flat=True)
        sides = {key: _numbers(said[key], 2) for key in ("stride", "padding", "dilation")}
        return Synapses(weights, bits, kept, groups=_number(said["groups"]), **sides)


def _neuron_of(said: dict[str, Any]) -> IntegerNeuron:
    known = {f.name: f for f in fields(IntegerNeuron)}
    found: dict[str, Any] = {}
    for name, value in said.items():
        if name not in known:
            raise ValueError(f"a neuron's {str(name)[:40]!r}")
        if name == "current":
            found[name] = Current(**_plain(value, Current))
        elif name == "adaptation":
            found[name] = Adaptation(**_plain(value, Adaptation))
        elif isinstance(known[name].default, bool) or name == "delayed":
            if not isinstance(value, bool):
                raise ValueError(f"a neuron's {name} of {str(value)[:40]}")
            found[name] = value
        else:
            found[name] = _number(value)
    return IntegerNeuron(**found)


def _plain(said: Any, kind: type) -> dict[str, int]:
    return {f.name: _number(_mapping(said, "part")[f.name]) for f in fields(kind)}


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"a {what} that is no mapping")
    return value


def _name(said: dict[str, Any]) -> str:
    name = said["name"]
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        raise ValueError("a node's name that is no short text")
    return name


def _number(value: Any) -> int:
    if type(value) is not int or abs(value) >= 1 << 62:
        raise ValueError(f"{str(value)[:40]!r} where an integer is")
    return value


def _numbers(value: Any, count: int) -> Any:
    if not isinstance(value, list) or len(value) != count:
        raise ValueError(f"{str(value)[:40]!r} where {count} integers are")
    return tuple(map(_number, value))
