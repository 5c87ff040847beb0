"""The surrogates of docs/neurons.md: names, default slopes, kernels, and whose they are equal to."""

import math
import re
import warnings

import pytest
import torch

from conventions import DOCS, peer
from spareto.neurons import registry as neurons
from spareto.neurons.surrogates import registry

TEXT = DOCS.read_text(encoding="utf-8")
X = torch.linspace(-2.013, 2.017, 201)


def rows(heading):
    table = TEXT.split(heading)[1].split("\n\n")[0].splitlines()[1:]
    return {row[0].strip(" `"): row[1:] for row in (line.strip("|").split("|") for line in table) if row[0]}


def test_every_surrogate_has_its_row():
    table = rows("| name | derivative |")
    table.pop("---", None)
    assert set(table) == set(registry.names())
    for name, (_, alpha, _, kernels) in table.items():
        made = registry.make(name)
        assert float(alpha) == made.alpha, name
        assert kernels.strip() == ("torch" if made.kernel is None else "fused"), name


def test_every_neuron_has_its_row():
    table = rows("| name | recurrence before firing |")
    table.pop("---", None)
    assert set(table) == set(neurons.names())
    for name, (*_, kernels) in table.items():
        made = neurons.make(name, **({"features": 3} if name == "recurrent" else {}))
        fused = made.dynamics() is not None or name == "recurrent"
        assert kernels.strip().startswith("fused" if fused else "torch"), name


def spikingjelly(name, *arguments):
    return lambda: getattr(peer("spikingjelly.activation_based.surrogate"), name)(*arguments)


def snntorch(name, *arguments):
    return lambda: getattr(peer("snntorch.surrogate"), name)(*arguments)


def sinabs(name, *arguments):
    def step():
        derivative = getattr(peer("sinabs.activation"), name)(*arguments)
        return lambda x: (derivative(x.detach() + 1.0, 1.0) * x).sum()

    return step


SAME = {
    "arctan": [spikingjelly("ATan", 3.0), snntorch("atan", 3.0)],
    "sigmoid": [spikingjelly("Sigmoid", 3.0), snntorch("sigmoid", 3.0)],
    "fast_sigmoid": [snntorch("fast_sigmoid", 3.0)],
    "triangle": [spikingjelly("PiecewiseQuadratic", 3.0)],
    "gaussian": [spikingjelly("Erf", 3 / math.sqrt(2)), sinabs("Gaussian", 0.0, 1 / 3)],
    "exponential": [sinabs("SingleExponential", 1 / 3)],
}


@pytest.mark.parametrize(("name", "theirs"), [(n, step) for n, steps in SAME.items() for step in steps])
def test_it_is_the_same_derivative(name, theirs):
    x = X.clone().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs()(x).sum().backward()
    torch.testing.assert_close(registry.make(name, alpha=3.0).derivative(X), x.grad, rtol=1e-5, atol=1e-6)


def test_every_section_of_a_framework_is_tested():
    sections = set(re.findall(r"^### (.+)$", TEXT, re.MULTILINE))
    assert sections == {"snnTorch", "SpikingJelly", "Norse", "sinabs", "Rockpool", "lava-dl"}
