"""What one update does in neurons that the cost model's own table lacks, by the kind's name.

Counted as a chip would do it: coefficients are worked out beforehand, a constant joins the bias, a factor of
the input joins the weights. A `leak` is one product, or one look-up of exp, sigmoid or tanh; an `integrate`
one sum; a `compare` one comparison. Example: the quadratic neuron `v = (c1 · v + c2) · v + x` takes two
products, two sums and a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spareto.frameworks._rows import Axes, NeuronFacts, Update


def _once(products: int, sums: int, comparisons: int = 1) -> Update:
    return (), ("leak",) * products + ("integrate",) * sums + ("compare",) * comparisons


UPDATES: Final[Mapping[str, Update]] = {
    "integrator": (("integrate",), ()),
    "alpha": (("leak", "integrate"), ("compare",)),
    "delta": (("leak", "integrate"), ("integrate", "compare")),
    "fir": (("leak", "integrate"), ("compare",)),  # a state is a past input
    "psn": (("leak", "integrate"), ("compare",)),  # a state is an input of the whole sequence
    "slstm": _once(8, 1),  # f·c + i·g, o·tanh(c), three sigmoids, two tanh
    "spiking_lstm": _once(3, 1, 5),  # c·f + i·g, c·o; four gates fire, c is clipped
    "spiking_rnn": _once(0, 0),
    "spiking_gru": _once(3, 2, 3),  # r·n, (1−z)·n + z·h; three gates fire
    "lif_one_to_one": (("leak", "integrate"), ("integrate", "compare")),
    "synaptic_one_to_one": (("leak", "integrate"), ("integrate", "compare")),
    "ternary_if": (("integrate",), ("compare", "compare")),
    "ternary_lif": (("leak", "integrate"), ("compare", "compare")),
    "klif": (("leak", "leak", "integrate"), ("compare", "compare")),
    "glif": (("leak", "leak", "integrate", "integrate"), ("compare",)),
    "mpbn_lif": (("leak", "leak", "integrate", "integrate"), ("compare",)),
    "liaf": (("leak", "integrate"), ("leak", "compare")),
    "clif": _once(5, 3),  # v·β + x; m·sigmoid(v/τ) + s; what a spike subtracts is θ + sigmoid(m)
    "qif": _once(2, 2),  # (c1·v + c2)·v + x
    "eif": _once(3, 3),  # β·v + exp(v/Δ + c) + x
    "izhikevich": _once(5, 4),  # qif, c3·w taken off; w = d1·w + d2·v
    "raf": _once(4, 3),  # a rotation of (u, v), and x
    "st_bif": _once(0, 2, 4),  # q + x, the sum of what was sent; two thresholds, two bounds
    "lif_ex": _once(4, 4),  # eif with a synaptic current
    "lif_adex": _once(6, 6),  # lif_ex, a taken off; a = d1·a + d2·v
    "lif_refrac": _once(2, 3, 2),  # synaptic, and a counter of refractory steps
    "lif_adex_refrac": _once(6, 7, 2),
    "lif_mc": _once(2, 3),  # synaptic, and the current from coupled potentials
    "lif_mc_refrac": _once(2, 4, 2),
}


def neuron(kind: str, axes: Axes, **others: Any) -> NeuronFacts:
    """Facts of a neuron, with the update of its kind."""
    return NeuronFacts(kind, axes, update=UPDATES.get(kind), **others)
