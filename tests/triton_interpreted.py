"""The Triton neuron loops on Triton's interpreter, held to the torch steps; prints what fails, as JSON.

A program of its own, for Triton decides when it is imported: python tests/triton_interpreted.py [NEURON...]
With names of neurons it checks every surrogate, shape and layout of theirs; without, some of each of all.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"

import torch

from neuron_variants import BY_STEPS, LAYOUTS, SHAPES, VARIANTS, currents, make, scattered
from spareto.kernels import cuda_neurons, neurons
from spareto.neurons.surrogates import registry as surrogates
from spareto.testing import neurons as laws

Check = tuple[str, Callable[..., None], Any]
Variant = tuple[str, dict]


def everything(variant: Variant) -> Iterator[Check]:
    """Names, functions and arguments of all that one neuron with its options must keep."""
    kind, options = variant
    for shape in SHAPES:
        yield from of_currents(variant, str(shape), currents(shape))
    for layout in LAYOUTS:
        yield from of_currents(variant, layout, scattered(layout))
    neuron = make(variant, 3)
    for first in range(5):
        yield f"break {first}", laws.check_continues, (neuron, currents((4, 2, 3)), first)
    for name in surrogates.names():
        other = make((kind, {**options, "surrogate": name}), 7)
        yield name, laws.check_run_carries_gradients, (other, currents((5, 3, 7)))


def some(variant: Variant, number: int) -> Iterator[Check]:
    """A part of `everything`, another one for each number."""
    kind, options = variant
    cases = {str(shape): currents(shape) for shape in SHAPES} | {name: scattered(name) for name in LAYOUTS}
    name = list(cases)[number % len(cases)]
    yield from of_currents(variant, name, cases[name])
    surrogate = surrogates.names()[number % len(surrogates.names())]
    other = make((kind, {**options, "surrogate": surrogate}), 7)
    yield surrogate, laws.check_run_carries_gradients, (other, currents((4, 3, 7)))


def of_currents(variant: Variant, name: str, current: torch.Tensor) -> Iterator[Check]:
    neuron = make(variant, current.shape[-1])
    yield f"spikes, {name}", laws.check_forward_is_its_steps, (neuron, current)
    yield f"gradient, {name}", laws.check_gradient_is_that_of_its_steps, (neuron, current)


def main(kinds: list[str]) -> None:
    torch.set_num_threads(1)
    neurons.prepare()
    neurons._places["cpu"] = "triton"
    done, failed = 0, []
    for number, variant in enumerate(VARIANTS):
        if variant[0] in BY_STEPS or (kinds and variant[0] not in kinds):
            continue
        for name, check, arguments in everything(variant) if kinds else some(variant, number):
            done += 1
            try:
                check(*arguments)
            except Exception as error:
                failed.append(f"{variant} {name}: {type(error).__name__}: {error}")
    assert neurons._places["cpu"] == "triton"
    assert cuda_neurons.works("cpu")
    print(json.dumps({"checks": done, "failed": failed}))


if __name__ == "__main__":
    main(sys.argv[1:])
