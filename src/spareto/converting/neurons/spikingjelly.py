"""SpikingJelly: `IFNode`, `LIFNode`, `ParametricLIFNode`, and dense connections around them."""

from __future__ import annotations

import math
from typing import Any, Final

from spareto.converting.neurons._reading import NeuronPlan, Reading, connections


def integrate(read: Reading) -> NeuronPlan:
    """`IFNode`."""
    return NeuronPlan("iaf", {**_common(read), **_rest(read, "v_start")})


def leaky(read: Reading) -> NeuronPlan:
    """`LIFNode`."""
    tau = read.number("tau", read.module.tau)
    options = {"tau": tau, **({} if read.module.decay_input else {"gain": 1.0})}
    return NeuronPlan("lif", {**options, **_common(read), **_rest(read, "v_leak")})


def parametric(read: Reading) -> NeuronPlan:
    """`ParametricLIFNode`."""
    w = read.module.w
    tau = 1.0 + math.exp(-read.number("w", w))
    options = {"tau": tau, **({} if read.module.decay_input else {"gain": 1.0})}
    plan = NeuronPlan("plif", {**options, **_common(read), **_rest(read, "v_leak")})
    plan.tensors["w"] = w.detach()
    return plan


NEURONS: Final = {"IFNode": integrate, "LIFNode": leaky, "ParametricLIFNode": parametric}


def container(read: Reading, plan: NeuronPlan) -> NeuronPlan:
    """`LinearRecurrentContainer`: one layer for the input and for the spikes that come back."""
    module = read.module
    features, back = module.rc.out_features, module.sub_module_out_features
    if back != features:
        rule = f"{features}, as many as neurons"
        read.refuse("out_features", str(back), rule, "Give it a single layer of neurons.")
    weight = module.rc.weight.detach()
    plan.before = connections(
        weight[:, :features], None if module.rc.bias is None else module.rc.bias.detach()
    )
    plan.feedback = connections(weight[:, features:])
    return plan


def _common(read: Reading) -> dict[str, Any]:
    module = read.module
    options: dict[str, Any] = {
        "v_threshold": read.number("v_threshold", module.v_threshold),
        "detach_reset": bool(module.detach_reset),
    }
    if module.v_reset is None:
        options["reset"] = "subtract"
    elif (level := read.number("v_reset", module.v_reset)) != 0:
        options |= {"reset": "value", "v_reset": level}
    return {**options, **_surrogate(read)}


def _rest(read: Reading, name: str) -> dict[str, Any]:
    """A hard reset is also where the potential leaks to and starts."""
    level = read.module.v_reset
    return {} if level is None or level == 0 else {name: read.number("v_reset", level)}


def _surrogate(read: Reading) -> dict[str, Any]:
    function = read.module.surrogate_function
    if not getattr(function, "spiking", True):
        cure = "Call .set_spiking_mode(True) on it."
        read.refuse("surrogate_function.spiking", "False", "True, so that it emits spikes", cure)
    kind, alpha = type(function).__name__, getattr(function, "alpha", None)
    found: dict[str, Any] | None = None
    if isinstance(alpha, int | float):
        found = {
            "ATan": {"surrogate": "arctan", "slope": float(alpha)},
            "Sigmoid": {"surrogate": "sigmoid", "slope": float(alpha)},
            "PiecewiseQuadratic": {"surrogate": "triangle", "slope": float(alpha)},
            "Erf": {"surrogate": "gaussian", "slope": float(alpha) * math.sqrt(2.0)},
        }.get(kind)
    return read.of_surrogate("surrogate_function", found, f"{kind}(alpha={alpha})")
