"""sinabs: `IAF` and `LIF`, squeezed, recurrent or neither."""

from __future__ import annotations

from typing import Any, Final

import torch

from spareto.converting.neurons._reading import NeuronPlan, Reading


def leaky(read: Reading) -> NeuronPlan:
    """`LIF` and `IAF`, which is the same with an endless time constant."""
    module = read.module
    alpha = module.alpha_mem_calculated.detach()
    beta = read.number("tau_mem", alpha)
    gain = read.number("tau_mem", 1 - alpha) if module.norm_input and beta < 1 else 1.0
    options: dict[str, Any] = {"beta": beta, "gain": gain}
    name = "lif"
    current = module.alpha_syn_calculated
    if current is not None:
        kept = read.number("tau_syn", current.detach())
        name, options["alpha"], options["gain"] = "synaptic", kept, gain * kept
    elif beta == 1:
        name, options = "iaf", {"gain": gain}
    options["v_threshold"] = read.number("spike_threshold", module.spike_threshold)
    options |= _surrogate(read, options["v_threshold"])
    if module.min_v_mem is not None:
        cure = "Convert a network built with min_v_mem=None."
        read.refuse(
            "min_v_mem", f"{float(module.min_v_mem):g}", "None, a potential without lower bound", cure
        )
    plan = NeuronPlan(name, options)
    _count(read, plan)
    _reset(read, plan)
    trained = (module._parameters.get(name) for name in ("tau_mem", "tau_syn", "alpha_mem", "alpha_syn"))
    if any(each is not None and each.requires_grad for each in trained) and beta < 1:
        plan.notes.append(f"{read.place}: sinabs trains its time constants; ours keeps them.")
    return plan


def recurrent(read: Reading) -> NeuronPlan:
    """`LIFRecurrent` and `IAFRecurrent`."""
    plan = leaky(read)
    plan.late = True
    plan.feedback = read.linear("rec_connect", read.module.rec_connect)
    return plan


NEURONS: Final = {
    **dict.fromkeys(("LIF", "LIFSqueeze", "IAF", "IAFSqueeze"), leaky),
    **dict.fromkeys(("LIFRecurrent", "IAFRecurrent"), recurrent),
}


def _count(read: Reading, plan: NeuronPlan) -> None:
    function = read.module.spike_fn
    name = getattr(function, "__name__", type(function).__name__)
    if name == "SingleSpike":
        return
    if name not in ("MultiSpike", "MaxSpike"):
        read.refuse("spike_fn", name, "SingleSpike, MultiSpike or MaxSpike", "Use one of these.")
    limit = getattr(function, "max_num_spikes_per_bin", None)
    plan.most = 0 if limit is None else int(limit)


def _reset(read: Reading, plan: NeuronPlan) -> None:
    reset = read.module.reset_fn
    kind = type(reset).__name__
    if kind == "MembraneSubtract":
        given = reset.subtract_value
        if given is not None and float(torch.as_tensor(given)) != plan.options["v_threshold"]:
            rule = f"None or the threshold, {plan.options['v_threshold']:g}"
            read.refuse("reset_fn.subtract_value", f"{float(given):g}", rule, "Leave it out.")
        plan.options |= {"reset": "subtract", "detach_reset": False}
    elif kind == "MembraneReset":
        cure = "Use MembraneReset() or MembraneSubtract()."
        if float(reset.reset_value) != 0:
            rule = "0; another value is added to every neuron at every timestep"
            read.refuse("reset_fn.reset_value", f"{float(reset.reset_value):g}", rule, cure)
        if plan.most is not None:
            rule = "MembraneSubtract() with spikes that are counted"
            read.refuse("reset_fn", "MembraneReset", rule, "Use spike_fn=SingleSpike.")
        plan.options |= {"reset": "zero", "detach_reset": True}
    else:
        read.refuse("reset_fn", kind, "MembraneSubtract or MembraneReset", "Use one of these.")


def _surrogate(read: Reading, threshold: float) -> dict[str, Any]:
    function = read.module.surrogate_grad_fn
    kind, found = type(function).__name__, None
    plain = getattr(function, "grad_scale", None) == 1 and threshold > 0
    if kind == "SingleExponential" and plain:
        found = {"surrogate": "exponential", "slope": 1.0 / (threshold * float(function.grad_width))}
    elif kind == "Gaussian" and plain and function.mu == 0:
        found = {"surrogate": "gaussian", "slope": 1.0 / float(function.sigma)}
    return read.of_surrogate("surrogate_grad_fn", found, repr(function))
