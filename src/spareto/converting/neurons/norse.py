"""Norse: box and current-based leaky neurons, recurrent ones, and leaky integrators."""

from __future__ import annotations

from typing import Any, Final

from spareto.converting.neurons._reading import NeuronPlan, Reading, connections
from spareto.frameworks.spareto import NEVER


def box(read: Reading) -> NeuronPlan:
    """`LIFBoxCell`."""
    return NeuronPlan("lif", {**_membrane(read), **_firing(read)}, potentials={1: "after"})


def current_based(read: Reading) -> NeuronPlan:
    """`LIF` and `LIFCell`."""
    options = {**_membrane(read), **_current(read), **_firing(read)}
    return NeuronPlan("synaptic", options, potentials={1: "after"})


def recurrent(read: Reading) -> NeuronPlan:
    """`LIFRecurrent` and `LIFRecurrentCell`: both its weights are its own; nothing comes back by gradient."""
    plan = NeuronPlan(
        "synaptic", {**_membrane(read), **_current(read), **_firing(read), "detach_reset": True}
    )
    plan.potentials = {2: "after"}  # behind the spikes, which its state holds too
    plan.before = connections(read.module.input_weights.detach())
    plan.feedback = connections(read.module.recurrent_weights.detach())
    if not read.module.autapses:
        plan.notes.append(
            f"{read.place}: autapses=False keeps its diagonal at 0 in training; ours trains it."
        )
    return plan


def integrator(read: Reading) -> NeuronPlan:
    """`LI` and `LICell`."""
    return _integrating("synaptic", {**_membrane(read), **_current(read)})


def box_integrator(read: Reading) -> NeuronPlan:
    """`LIBoxCell`."""
    return _integrating("lif", _membrane(read))


def linear_integrator(read: Reading) -> NeuronPlan:
    """`LILinearCell`."""
    plan = integrator(read)
    plan.before = connections(read.module.input_weights.detach())
    return plan


NEURONS: Final = {
    "LIFBoxCell": box,
    "LIF": current_based,
    "LIFCell": current_based,
    "LIFRecurrent": recurrent,
    "LIFRecurrentCell": recurrent,
    "LI": integrator,
    "LICell": integrator,
    "LIBoxCell": box_integrator,
    "LILinearCell": linear_integrator,
}


def _integrating(name: str, options: dict[str, Any]) -> NeuronPlan:
    return NeuronPlan(name, {**options, "reset": "none", "v_threshold": NEVER}, emits="potential")


def _membrane(read: Reading) -> dict[str, Any]:
    p, dt = read.module.p, float(read.module.dt)
    gain = dt * read.number("p.tau_mem_inv", p.tau_mem_inv)
    if not 0 <= gain <= 1:
        rule = "from 0 to 1, so that the potential does not overshoot"
        read.refuse("p.tau_mem_inv * dt", f"{gain:g}", rule, "Use a shorter dt or a longer time constant.")
        gain = 1.0
    options: dict[str, Any] = {"beta": 1.0 - gain, "gain": gain}
    leak = read.number("p.v_leak", p.v_leak)
    return {**options, **({} if leak == 0 else {"v_leak": leak})}


def _current(read: Reading) -> dict[str, Any]:
    share = 1.0 - float(read.module.dt) * read.number("p.tau_syn_inv", read.module.p.tau_syn_inv)
    if not 0 <= share <= 1:
        rule = "from 0 to 1, so that the current does not overshoot"
        read.refuse(
            "p.tau_syn_inv * dt", f"{1 - share:g}", rule, "Use a shorter dt or a longer time constant."
        )
        share = 0.0
    return {"alpha": share}


def _firing(read: Reading) -> dict[str, Any]:
    p = read.module.p
    options: dict[str, Any] = {
        "v_threshold": read.number("p.v_th", p.v_th),
        "strict": True,
        "detach_reset": False,
    }
    method = getattr(getattr(p, "reset_method", None), "__name__", "reset_value")
    level = read.number("p.v_reset", p.v_reset)
    if method == "reset_subtract":
        options["reset"] = "subtract"
    elif method != "reset_value":
        read.refuse("p.reset_method", method, "reset_value or reset_subtract", "Use one of these.")
    elif level != 0:
        options |= {"reset": "value", "v_reset": level}
    if p.method == "logistic":
        read.refuse(
            "p.method", "'logistic'", "a method that fires above the threshold, not by chance", "Use 'super'."
        )
    found = {"surrogate": "fast_sigmoid", "slope": 1.0} if p.method == "super" else None
    return {**options, **read.of_surrogate("p.method", found, repr(p.method))}
