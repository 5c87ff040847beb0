"""snnTorch: `Leaky` and `Synaptic`, which fire above their threshold."""

from __future__ import annotations

from typing import ClassVar, Final

from typing_extensions import override

from spareto.exporting._base import ExportedNeuron, TargetFramework, Written, number

_RESETS: Final = {"subtract_delayed": "subtract", "none": "none"}
_SURROGATES: Final = {
    "arctan": "surrogate.atan({})",
    "sigmoid": "surrogate.sigmoid({})",
    "fast_sigmoid": "surrogate.fast_sigmoid({})",
}


class SnnTorch(TargetFramework):
    """Code for snnTorch 1.0."""

    imports: ClassVar[str] = "import snntorch\nfrom snntorch import surrogate, utils"
    run: ClassVar[str] = '''
def fire(neuron, currents, back=None):
    """All timesteps, from a potential of 0; `back` takes the last spikes to the currents."""
    neuron.reset_mem()
    spikes, last = [], torch.zeros_like(currents[0])
    for now in currents:
        last = neuron(now if back is None else now + back(last))
        spikes.append(last)
    return torch.stack(spikes)
'''

    @override
    def neuron(self, neuron: ExportedNeuron) -> Written:
        synaptic = neuron.alpha is not None
        resets = _RESETS | ({"zero_delayed": "zero"} if synaptic else {"zero": "zero"})
        if neuron.reset not in resets or neuron.leak != 0 or neuron.most is not None:
            got = f"reset '{neuron.reset}', potential {neuron.leak:g} at rest"
            got = got if neuron.most is None else "a neuron that counts"
            cure = f"Build the network with reset {', '.join(map(repr, resets))}."
            raise neuron.refuse(got, "a neuron that snnTorch has", cure)
        options = [] if not synaptic else [f"alpha={number(neuron.alpha or 0.0)}"]
        options += [f"beta={number(neuron.beta)}", f"threshold={number(neuron.threshold(strict=True))}"]
        options += [f"reset_mechanism={resets[neuron.reset]!r}", "init_hidden=True"]
        named = _SURROGATES.get(neuron.family.surrogate_name)
        if named is not None:
            options.append(f"spike_grad={named.format(number(neuron.family.surrogate.alpha))}")
        kind = "Synaptic" if synaptic else "Leaky"
        return Written(f"snntorch.{kind}({', '.join(options)})", neuron.gain)
