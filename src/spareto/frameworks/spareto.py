"""Our own neurons and layers: `(time, batch, ...)`, and nothing is kept between calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from spareto.frameworks._rows import BLOCK, SURROGATE, Framework, Free, NeuronFacts, Row
from spareto.neurons._family import FamilyNeuron


def _neuron(module: Any) -> NeuronFacts:
    return NeuronFacts(
        kind=_kind(module),
        axes="time-batch",
        states=module.states,
        update=module.update,
        products=any(hasattr(part, "linear") for part in module.modules()),
        counts=module.counts,
        state_bits=getattr(module, "state_bits", None),
    )


def _read(module: Any) -> NeuronFacts:
    """Neurons whose potentials are read too; those that never fire give nothing else."""
    fires = getattr(module.neuron, "v_threshold", 0.0) < NEVER
    facts = _neuron(module.neuron)
    return facts if fires else replace(facts, kind="li", fires=False, counts=True, spikes=1)


def _kind(module: Any) -> str:
    """A leaky neuron that keeps all of its potential is an integrator."""
    inner = [part for part in module.modules() if isinstance(part, FamilyNeuron)]
    if module.kind == "lif" and len(inner) == 1:
        beta = inner[0].dynamics().beta
        return "iaf" if isinstance(beta, float | int) and beta == 1 else "lif"
    return module.kind


def _layer(module: Any) -> Free:
    return Free(module.computes) if module.computes else BLOCK


NEVER: Final = 1e29
"""A threshold that no potential reaches: the neuron integrates and never fires."""

_ROWS: Final[dict[str, Row]] = {
    "Potentials": _read,
    "SpikingNeuron": _neuron,
    "Surrogate": SURROGATE,
    "Network": BLOCK,
}

FRAMEWORK: Final = Framework(
    name="Spareto",
    package="spareto",
    shelves={"spareto": _ROWS},
    rest={
        "spareto.networks": BLOCK,
        "spareto.layers": _layer,
        "spareto.converting": BLOCK,
        "spareto.compression": Free("computes weights"),
    },
    whole={"Network": "time-batch"},
)
