"""Norse: `LIFBoxCell` and `LIFCell`, which fire above their threshold."""

from __future__ import annotations

import math
from typing import ClassVar

from typing_extensions import override

from spareto.exporting._base import ExportedNeuron, TargetFramework, Written, number

_DT = 0.001


class Norse(TargetFramework):
    """Code for Norse 1.1."""

    imports: ClassVar[str] = (
        "from norse.torch import LIFBoxCell, LIFBoxParameters, LIFCell, LIFParameters\n"
        "from norse.torch.functional.reset import reset_subtract, reset_value"
    )
    run: ClassVar[str] = '''
def fire(neuron, currents, back=None):
    """All timesteps, from where the potential rests; `back` takes the last spikes to the currents."""
    state, spikes, last = None, [], torch.zeros_like(currents[0])
    for now in currents:
        last, state = neuron(now if back is None else now + back(last), state)
        spikes.append(last)
    return torch.stack(spikes)
'''

    @override
    def neuron(self, neuron: ExportedNeuron) -> Written:
        synaptic = neuron.alpha is not None
        resets = ("zero", "value") if synaptic else ("zero", "value", "subtract")
        if neuron.reset not in resets or neuron.beta >= 1 or neuron.most is not None:
            got = f"{neuron.family.kind} with reset '{neuron.reset}', beta {neuron.beta:g}"
            got += "" if neuron.most is None else ", that counts"
            cure = f"Build it with a leak and reset {', '.join(map(repr, resets))}."
            raise neuron.refuse(got, "a neuron that Norse has", cure)
        leak = 1 - neuron.beta
        options = [f"tau_mem_inv={_tensor(leak / _DT)}", f"v_leak={_tensor(neuron.leak)}"]
        options.append(f"v_th={_tensor(neuron.threshold(strict=True))}")
        options.append(f"v_reset={_tensor(neuron.family.v_reset)}")
        if synaptic:
            options.append(f"tau_syn_inv={_tensor((1 - (neuron.alpha or 0.0)) / _DT)}")
            code = f"LIFCell(LIFParameters({', '.join(options)}))"
        else:
            how = "reset_subtract" if neuron.reset == "subtract" else "reset_value"
            code = f"LIFBoxCell(LIFBoxParameters({', '.join(options)}, reset_method={how}))"
        scaled = math.isclose(neuron.gain, leak, rel_tol=1e-12)
        return Written(code, 1.0 if scaled else neuron.gain / leak)


def _tensor(value: float) -> str:
    return f"torch.as_tensor({number(value)})"
