"""A neuron read from a live module: its spikes, gradients and potentials are the module's own."""

import pytest
import torch

from conventions import RAW, SCALED, built, check_peer, currents, peer, stepping, table
from converting import neurons
from spareto.converting.neurons import made, plan_of
from spareto.converting.potentials import Potentials

CASES = [(framework, code) for framework in neurons.FRAMEWORKS for code in neurons.rows(framework)]


def module_of(framework, code, dtype=torch.float32):
    return built(code, *neurons.names_of(framework)).to(dtype)


def running(framework, code, module):
    """The module on currents `(time, batch, ...)`."""
    if framework == "snnTorch":
        number = 2 if "Synaptic" in code else 1
        return stepping(module, lambda now: (torch.zeros_like(now),) * number)
    if framework == "SpikingJelly":
        module.step_mode = "m"
        return module
    if framework == "sinabs":
        return lambda x: module(x.transpose(0, 1)).transpose(0, 1)

    def run(x):
        state, out = None, []
        for now in x:
            spikes, state = module(now, state)
            out.append(spikes)
        return torch.stack(out)

    return run


def scale_of(framework, code):
    if framework == "sinabs":
        single, scaled = "SingleSpike" in code, "norm_input=False" not in code and "IAF" not in code
        return (RAW if single else SCALED) if not scaled else (SCALED if single else 2 * SCALED)
    strong = neurons.strength(framework, code) > 1 or code.startswith("IFNode")
    return SCALED if strong else RAW


@pytest.mark.parametrize(("framework", "code"), CASES)
def test_spikes_and_gradients(framework, code):
    """Gradients through an attached exponential decay grow with time: sinabs is compared in double."""
    dtype = torch.float64 if framework == "sinabs" else torch.float32
    module = module_of(framework, code, dtype)
    plan, read = plan_of("neuron", module)
    assert not read.problems
    ours = made(plan)
    if "plif" in plan.name:
        assert torch.equal(ours.w, module.w)
    check_peer(ours, running(framework, code, module), scale_of(framework, code), dtype=dtype)


def test_the_options_are_those_of_the_page():
    """What is read is what docs/neurons.md says, as far as a reader would write it."""
    for framework, code in CASES:
        plan, _ = plan_of("neuron", module_of(framework, code))
        name, options = table(framework)[code]
        counts = name == "multi_spike"
        assert (plan.most is not None) == counts, code
        assert plan.undelayed == ("reset_delay=False" in code)
        if not counts and not plan.undelayed:
            assert plan.name == name, code
            wanted = "subtract" if 'reset="subtract"' in options else plan.options.get("reset", "zero")
            assert plan.options.get("reset", "zero") == wanted, code


def potentials_of(framework, module, x):
    """Potentials as the framework gives them, and which they are."""
    if framework == "snnTorch":
        states, out = [torch.zeros_like(x[0])] * (2 if hasattr(module, "syn") else 1), []
        for now in x:
            _, *states = module(now, *states)
            out.append(states[-1])
        return torch.stack(out)
    if framework == "SpikingJelly":
        module.step_mode, module.store_v_seq = "m", True
        module(x)
        return module.v_seq
    state, out = None, []
    for now in x:
        _, state = module(now, state)
        out.append(state.v)
    return torch.stack(out)


@pytest.mark.parametrize(("framework", "code"), [case for case in CASES if case[0] != "sinabs"])
def test_potentials(framework, code):
    """Potentials of 60 timesteps to a millionth."""
    module = module_of(framework, code)
    plan, _ = plan_of("neuron", module)
    x = currents(torch.float32, scale_of(framework, code))
    with torch.no_grad():
        theirs = potentials_of(framework, module, x)
        which = plan.potentials[max(plan.potentials)] if plan.potentials else "after"
        _, ours = Potentials(made(plan), which)(x)
    assert float((ours - theirs).abs().max()) <= 1e-6 * max(1.0, float(theirs.abs().max()))


@pytest.mark.parametrize("code", neurons.rows("sinabs"))
def test_sinabs_potentials(code):
    """It records them before the reset."""
    module = module_of("sinabs", code)
    module.record_states = True
    plan, _ = plan_of("neuron", module)
    x = currents(torch.float32, scale_of("sinabs", code))
    with torch.no_grad():
        module(x.transpose(0, 1))
        theirs = module.recordings["v_mem"].transpose(0, 1)
        after = Potentials(made(plan), "after")(x)[1]
    error = float((after - theirs).abs().max())
    assert error <= 2e-6 * max(1.0, float(theirs.abs().max()))


def test_a_chosen_surrogate_beats_one_without_counterpart():
    snn = peer("snntorch")
    neuron = snn.Leaky(beta=0.9, spike_grad=peer("snntorch.surrogate").SFS())
    _, refused = plan_of("neuron", neuron)
    plan, read = plan_of("neuron", neuron, "gaussian")
    assert refused.problems
    assert not read.problems
    assert plan.options["surrogate"] == "gaussian"
