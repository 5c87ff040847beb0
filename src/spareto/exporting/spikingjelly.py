"""SpikingJelly: `IFNode` and `LIFNode`, which fire at their threshold."""

from __future__ import annotations

import math
from typing import ClassVar, Final

from typing_extensions import override

from spareto.exporting._base import ExportedNeuron, TargetFramework, Written, number

_SURROGATES: Final = {
    "arctan": ("surrogate.ATan({})", 1.0),
    "sigmoid": ("surrogate.Sigmoid({})", 1.0),
    "triangle": ("surrogate.PiecewiseQuadratic({})", 1.0),
    "gaussian": ("surrogate.Erf({})", 1 / math.sqrt(2)),
}


class SpikingJelly(TargetFramework):
    """Code for SpikingJelly 2.0."""

    imports: ClassVar[str] = "from spikingjelly.activation_based import neuron as neurons, surrogate"
    run: ClassVar[str] = '''
def fire(neuron, currents, back=None):
    """All timesteps, from where the potential starts; `back` takes the last spikes to the currents."""
    neuron.reset()
    neuron.step_mode = "m" if back is None else "s"
    if back is None:
        return neuron(currents)
    spikes, last = [], torch.zeros_like(currents[0])
    for now in currents:
        last = neuron(now + back(last))
        spikes.append(last)
    return torch.stack(spikes)
'''

    @override
    def neuron(self, neuron: ExportedNeuron) -> Written:
        hard = neuron.reset in ("zero", "value")
        level = neuron.family.v_reset if hard else 0.0
        fits = neuron.alpha is None and neuron.most is None and 0 < neuron.beta <= 1
        if not fits or neuron.reset not in ("zero", "value", "subtract") or neuron.leak != level:
            got = f"{neuron.family.kind} with reset '{neuron.reset}', beta {neuron.beta:g}"
            got += f", potential {neuron.leak:g} at rest" + ("" if neuron.most is None else ", that counts")
            cure = "Build it of iaf or lif with reset 'zero' or 'subtract', or 'value' with v_leak the same."
            raise neuron.refuse(got, "a neuron that SpikingJelly has", cure)
        options = [f"v_threshold={number(neuron.threshold(strict=False))}"]
        options.append(f"v_reset={number(level) if hard else None}")
        options.append(f"detach_reset={neuron.family.detach_reset}")
        named = _SURROGATES.get(neuron.family.surrogate_name)
        if named is not None:
            code, factor = named
            slope = number(neuron.family.surrogate.alpha * factor)
            options.append(f"surrogate_function={code.format(slope)}")
        if neuron.beta == 1:
            return Written(f"neurons.IFNode({', '.join(options)})", neuron.gain)
        scaled = math.isclose(neuron.gain, 1 - neuron.beta, rel_tol=1e-12)
        options = [f"tau={number(1 / (1 - neuron.beta))}", f"decay_input={scaled}", *options]
        return Written(f"neurons.LIFNode({', '.join(options)})", 1.0 if scaled else neuron.gain)
