"""sinabs: `IAF` and `LIF`, which fire at their threshold, and may count."""

from __future__ import annotations

import math
from typing import ClassVar

from typing_extensions import override

from spareto.exporting._base import ExportedNeuron, TargetFramework, Written, number


class Sinabs(TargetFramework):
    """Code for sinabs 3.1."""

    imports: ClassVar[str] = (
        "from sinabs.activation import Gaussian, MaxSpike, MembraneReset, MembraneSubtract, MultiSpike\n"
        "from sinabs.activation import SingleExponential, SingleSpike\n"
        "from sinabs.layers import IAF, LIF"
    )
    run: ClassVar[str] = '''
def fire(neuron, currents, back=None):
    """All timesteps, from a potential of 0; `back` takes the last spikes to the currents."""
    neuron.reset_states()
    for name in neuron.state_names if hasattr(neuron, "state_names") else ("v_mem", "i_syn"):
        if name in neuron._buffers and neuron._buffers[name] is not None:
            neuron._buffers[name] = neuron._buffers[name].new_zeros(0)
    if back is None:
        return neuron(currents.transpose(0, 1)).transpose(0, 1)
    spikes, last = [], torch.zeros_like(currents[0])
    for now in currents:
        last = neuron((now + back(last)).unsqueeze(1)).squeeze(1)
        spikes.append(last)
    return torch.stack(spikes)
'''

    @override
    def neuron(self, neuron: ExportedNeuron) -> Written:
        alpha = neuron.alpha
        if (
            neuron.reset not in ("zero", "subtract")
            or neuron.leak != 0
            or not 0 < neuron.beta <= 1
            or alpha == 0
        ):
            got = f"reset '{neuron.reset}', beta {neuron.beta:g}, potential {neuron.leak:g} at rest"
            cure = "Build it with reset 'subtract' or 'zero', and a potential that rests at 0."
            raise neuron.refuse(got, "a neuron that sinabs has", cure)
        options = [f"spike_threshold=torch.as_tensor({number(neuron.threshold(strict=False))})"]
        counts = {None: "SingleSpike", 0: "MultiSpike"}.get(neuron.most, f"MaxSpike({neuron.most})")
        options.append(f"spike_fn={counts}")
        options.append(f"reset_fn={'MembraneSubtract' if neuron.reset == 'subtract' else 'MembraneReset'}()")
        named = self._surrogate(neuron)
        options += [] if named is None else [f"surrogate_grad_fn={named}"]
        scale = neuron.gain
        if alpha is not None:
            options.append("tau_syn=" + (number(-1 / math.log(alpha)) if alpha < 1 else "float('inf')"))
            scale /= alpha
        if neuron.beta == 1:
            return Written(f"IAF({', '.join(options)})", scale)
        options = [f"tau_mem={number(-1 / math.log(neuron.beta))}", "norm_input=False", *options]
        return Written(f"LIF({', '.join(options)})", scale)

    def _surrogate(self, neuron: ExportedNeuron) -> str | None:
        name, slope = neuron.family.surrogate_name, neuron.family.surrogate.alpha
        if name == "exponential" and neuron.family.v_threshold > 0:
            return f"SingleExponential(grad_width={number(1 / (slope * neuron.family.v_threshold))})"
        return f"Gaussian(sigma={number(1 / slope)})" if name == "gaussian" else None
