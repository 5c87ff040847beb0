"""snnTorch: `Leaky` and `Synaptic`, and these with spikes that come back."""

from __future__ import annotations

from typing import Any, Final

from spareto.converting.neurons._reading import NeuronPlan, Potential, Reading

_KINDS: Final = {
    "_base_sub": "subtract",
    "_base_zero": "zero",
    "_base_int": "none",
}
_SURROGATES: Final = {
    "atan": ("arctan", "alpha"),
    "sigmoid": ("sigmoid", "slope"),
    "fast_sigmoid": ("fast_sigmoid", "slope"),
}
_FREEZE: Final = "Make it a number: convert a copy with learn_{}=False."


def leaky(read: Reading) -> NeuronPlan:
    """`Leaky`."""
    return _plan(read, "lif", {})


def synaptic(read: Reading) -> NeuronPlan:
    """`Synaptic`."""
    return _plan(read, "synaptic", {"alpha": _share(read, "alpha")})


def rleaky(read: Reading) -> NeuronPlan:
    """`RLeaky`."""
    return _with_feedback(read, leaky(read))


def rsynaptic(read: Reading) -> NeuronPlan:
    """`RSynaptic`."""
    return _with_feedback(read, synaptic(read))


NEURONS: Final = {"Leaky": leaky, "Synaptic": synaptic, "RLeaky": rleaky, "RSynaptic": rsynaptic}


def _plan(read: Reading, name: str, options: dict[str, Any]) -> NeuronPlan:
    module = read.module
    delayed = bool(module.reset_delay)
    kind = _reset(read)
    options |= {
        "beta": _share(read, "beta"),
        "gain": 1.0,
        "v_threshold": read.number("threshold", module.threshold, learned=_FREEZE.format("threshold")),
        "strict": True,
        "reset": _ours(kind, delayed, clears_input=type(module).__name__ != "Leaky"),
        "detach_reset": delayed or kind == "none",
    }
    if options["v_threshold"] < 0 and kind != "none":
        rule = "0 or more: below it snnTorch resets a potential of 0 that has not fired"
        read.refuse("threshold", options["v_threshold"], rule, "Take another threshold, or no reset.")
    cure = "Leave it out; quantize states with spareto's quantized_state."
    read.absent("state_quant", module.state_quant, False, cure)
    read.absent("inhibition", module.inhibition, False, "Leave it out.")
    cure = "Multiply the weights of the layer behind instead."
    read.absent("graded_spikes_factor", module.graded_spikes_factor, 1.0, cure)
    options |= _surrogate(read)
    behind = 1 + (name == "synaptic")
    potential: Potential = "before" if kind == "zero" and options["reset"] == "zero" and delayed else "after"
    plan = NeuronPlan(name, options, potentials={behind: potential})
    if kind == "subtract" and not delayed:
        plan.undelayed, options["reset"] = True, "none"
    return plan


def _reset(read: Reading) -> str:
    """The reset that runs: it was chosen when the neuron was made."""
    runs = _KINDS.get(getattr(read.module.state_function, "__name__", ""), "")
    said = read.module.reset_mechanism
    value = int(read.module.reset_mechanism_val)
    if runs != said or ("subtract", "zero", "none")[value] != runs:
        got = f"'{said}' with the update of '{runs}'"
        cure = "Make the neuron anew with the reset_mechanism that is meant."
        read.refuse("reset_mechanism", got, "one reset; it was changed after the neuron was made", cure)
    return runs


def _ours(kind: str, delayed: bool, *, clears_input: bool) -> str:
    if kind == "none" or not delayed:
        return kind
    if kind == "subtract":
        return "subtract_delayed"
    return "zero_delayed" if clears_input else "zero"


def _share(read: Reading, what: str) -> float:
    """A decay; snnTorch clamps it to 0..1 when it runs."""
    return min(max(read.number(what, getattr(read.module, what), learned=_FREEZE.format(what)), 0.0), 1.0)


def _surrogate(read: Reading) -> dict[str, Any]:
    function = read.module.spike_grad
    maker = getattr(function, "__qualname__", "").partition(".")[0]
    if maker not in _SURROGATES:
        return read.of_surrogate("spike_grad", None, maker or type(function).__name__)
    name, variable = _SURROGATES[maker]
    cells = dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))
    slope = float(cells[variable].cell_contents)
    return read.of_surrogate("spike_grad", {"surrogate": name, "slope": slope}, maker)


def _with_feedback(read: Reading, plan: NeuronPlan) -> NeuronPlan:
    if not read.module.all_to_all:
        cure = "Use all_to_all=True with a diagonal weight."
        read.refuse("all_to_all", "False", "True", cure)
        return plan
    plan.feedback = read.linear("recurrent", read.module.recurrent)
    return plan
