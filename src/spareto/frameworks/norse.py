"""Norse: cells take one timestep, the others `(time, batch, ...)`; every call takes and returns the state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from spareto.frameworks._rows import (
    BLOCK,
    CONTAINER,
    ENCODER,
    NOT_INFERENCE,
    OWN_NEURON,
    Axes,
    Counted,
    Framework,
    Free,
    Refused,
    Row,
    descends_from,
)
from spareto.frameworks._updates import neuron

_KINDS: Final[dict[str, tuple[str, int, tuple[str, ...]]]] = {
    "IAF": ("iaf", 1, ("", "Cell")),
    "LIF": ("synaptic", 2, ("", "Cell", "Recurrent", "RecurrentCell")),
    "LIFBox": ("lif", 1, ("Cell",)),
    "LSNN": ("alif", 3, ("", "Cell", "Recurrent", "RecurrentCell")),
    "LIFEx": ("lif_ex", 2, ("", "Cell", "Recurrent", "RecurrentCell")),
    "LIFAdEx": ("lif_adex", 3, ("", "Cell", "Recurrent", "RecurrentCell")),
    "LIFRefrac": ("lif_refrac", 3, ("Cell", "Recurrent", "RecurrentCell")),
    "LIFAdExRefrac": ("lif_adex_refrac", 4, ("Cell", "Recurrent", "RecurrentCell")),
    "Izhikevich": ("izhikevich", 2, ("", "Cell", "Recurrent", "RecurrentCell")),
    "LIFMC": ("lif_mc", 2, ("RecurrentCell",)),
    "LIFMCRefrac": ("lif_mc_refrac", 3, ("RecurrentCell",)),
}
"""Kind, states and forms: a cell or all timesteps, with or without weights of its own."""


def _neurons() -> Iterator[tuple[str, Row]]:
    for name, (kind, states, forms) in _KINDS.items():
        for form in forms:
            axes: Axes = "one step" if form.endswith("Cell") else "time-batch"
            yield name + form, neuron(kind, axes, states=states, products="Recurrent" in form)


_INTEGRATOR: Final[dict[str, Any]] = {"fires": False, "counts": True}

MODULES: Final[dict[str, Row]] = {
    **dict(_neurons()),
    "LI": neuron("li", "time-batch", states=2, **_INTEGRATOR),
    "LICell": neuron("li", "one step", states=2, **_INTEGRATOR),
    "LIBoxCell": neuron("li", "one step", **_INTEGRATOR),
    "LILinearCell": neuron("li", "one step", states=2, products=True, **_INTEGRATOR),
    "ExpFilter": neuron("li", "time-batch", products=True, **_INTEGRATOR),
    "CobaLIFCell": Refused("multiplies with the positive and the negative part of its weights apart"),
    "LIFCorrelation": Refused("learns while it runs"),
    "LConv2d": Counted(),
    "Lift": CONTAINER,
    "SequentialState": CONTAINER,
    "RecurrentSequential": CONTAINER,
    "RegularizationCell": Free("counts spikes for a loss"),
    "SpikesToTimesDecoder": Free("reads the answer out"),
    "TemporalReceptiveField": BLOCK,
    **dict.fromkeys(
        ("SpatialReceptiveField2d", "SampledSpatialReceptiveField2d", "ParameterizedSpatialReceptiveField2d"),
        Refused("computes its kernels anew from a few parameters"),
    ),
    **dict.fromkeys(("SNN", "SNNCell", "SNNRecurrent", "SNNRecurrentCell"), OWN_NEURON),
}

_HANDING: Final = ("SNN", "SNNCell", "SNNRecurrent", "SNNRecurrentCell")
_HANDING_TOO: Final = ("SequentialState", "RecurrentSequential", "LILinearCell", "CobaLIFCell")


def _keeps(module: Any) -> bool:
    return descends_from(module, "norse", "RegularizationCell")


def _reset(module: Any) -> None:
    module.state = None


FRAMEWORK: Final = Framework(
    name="Norse",
    package="norse",
    shelves={
        "norse.torch.module": MODULES,
        "norse.torch.utils.import_nir": {"CubaLIF": BLOCK},
    },
    rest={
        "norse.torch.module.encode": ENCODER,
        "norse.torch.models": BLOCK,
        "norse.task": BLOCK,
        "norse.benchmark": NOT_INFERENCE,
    },
    keeps=_keeps,
    reset=_reset,
    told="The spike counts of its Norse regularization cells are reset before every batch.",
    hands_state=frozenset((*_HANDING, *_HANDING_TOO)),
)
