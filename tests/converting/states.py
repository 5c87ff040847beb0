"""Spikes and membrane potentials of an original and of the network it was converted to."""

from __future__ import annotations

from contextlib import contextmanager

import torch

from spareto.converting.neurons import plan_of
from spareto.converting.potentials import Potentials
from spareto.frameworks.spareto import NEVER
from spareto.kernels import dense, reference
from spareto.observing.calls import listening


@contextmanager
def recording(modules):
    """Have neurons keep the potentials of all timesteps where their framework can.

    sinabs' recurrent layers record the state that the next timestep overwrites, so what their reset
    returns is taken instead.
    """
    resets = {}
    for module in modules:
        for flag in ("store_v_seq", "record_states"):
            if hasattr(module, flag):
                setattr(module, flag, True)
        if hasattr(module, "rec_connect") and hasattr(module, "reset_fn"):
            resets[module] = module.reset_fn
            module.reset_fn = Kept(module.reset_fn)
    try:
        yield
    finally:
        for module, reset in resets.items():
            module.reset_fn = reset


class Kept:
    """A reset of sinabs that keeps the potentials it returns."""

    def __init__(self, reset):
        self.reset, self.potentials = reset, []

    def __call__(self, spikes, state, threshold):
        after = self.reset(spikes, state, threshold)
        self.potentials.append(after["v_mem"].clone())
        return after


def potentials_of_theirs(modules, run):
    """Runs the original; the potentials of each layer of neurons, `(time, batch, ...)`.

    Args:
        modules: Its layers of neurons by name.
        run: Runs it.
    """
    found = {name: [] for name in modules}

    def after(name, module, args, kwargs, output):
        if output is not None:
            found[name].append(_potential(module, output).clone())

    inner = {name: getattr(module, "sub_module", module) for name, module in modules.items()}
    with recording(inner.values()), torch.no_grad(), listening(inner, after=after):
        run()
    return {name: calls[0] if len(calls) == 1 else torch.stack(calls) for name, calls in found.items()}


def _potential(module, output):
    if getattr(module, "step_mode", "s") == "m":
        return module.v_seq
    if isinstance(getattr(module, "reset_fn", None), Kept):
        return torch.stack(module.reset_fn.potentials)
    if hasattr(module, "v"):
        return module.v
    if hasattr(module, "recordings"):
        return module.recordings["v_mem"].transpose(0, 1)
    if isinstance(getattr(module, "mem", None), torch.Tensor):
        return module.mem
    return getattr(output[-1], "v", output[-1])


def ours_of(network, frames):
    """Spikes, currents and neurons of a converted network, by the original's names."""
    spikes, currents = {}, {}
    modules = {name: network.get_submodule(place) for name, place in network.neurons.items()}

    def after(name, module, args, kwargs, output):
        currents[name] = dense(args[0])
        spikes[name] = dense(output[0] if isinstance(output, tuple) else output)

    with torch.no_grad(), reference(), listening(modules, after=after):
        network(frames)
    return spikes, currents, modules


def integrates(module):
    """Whether a layer never fires, so that its potentials are its output."""
    return isinstance(module, Potentials) and module.neuron.v_threshold >= NEVER


def farthest(theirs, originals, currents, modules):
    """How far potentials lie apart, relative to the largest one before its reset or to 1, of all layers."""
    worst = 0.0
    for name, expected in theirs.items():
        module = modules[name]
        neuron = module.neuron if isinstance(module, Potentials) else module
        plan = plan_of(name, originals[name])[0]
        which = plan.potentials[max(plan.potentials)] if plan.potentials else "after"
        with torch.no_grad():
            ours = Potentials(neuron, which)(currents[name])[1]
            largest = Potentials(neuron, "before")(currents[name])[1].abs().max()
        error = (ours.reshape(expected.shape) - expected).abs().max()
        worst = max(worst, float(error / largest.clamp(min=1)))
    return worst
