"""What the tests of each framework's convention share: currents, plain loops, the tables of docs/neurons.md.

Currents and most coefficients are short binary fractions, so that sums are exact and potentials often equal
the threshold: who fires there shows.
"""

import importlib
import math
import re
import warnings
from pathlib import Path

import pytest
import torch

from spareto.neurons import registry

DOCS = Path(__file__).parents[1] / "docs" / "neurons.md"
T, SHAPE = 60, (4, 31)
SCALED, RAW = 2.0, 0.5  # how strong the currents are, for neurons that scale them and for others


def currents(dtype=torch.float64, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-3, 9, (T, *SHAPE), generator=generator).to(dtype) / 4 * scale


def table(framework):
    """Their neuron to ours, both as code, of one framework in docs/neurons.md."""
    section = DOCS.read_text(encoding="utf-8").split(f"\n### {framework}\n")[1].split("\n#")[0]
    found = re.findall(r"^\| `(.+?)` \| `(\w+)`: `(.+?)` \|$", section, re.MULTILINE)
    assert len(found) == section.count("\n| ") - 1, "a row that is not read"
    return {theirs: (name, options) for theirs, name, options in found}


def made(row):
    """Our neuron of a row of the table."""
    name, options = row
    return registry.make(name, **eval(f"dict({options})", {"dict": dict, "exp": math.exp}))


def zeros():
    return torch.zeros(SHAPE, dtype=torch.float64)


def loop(update, x, *state):
    """`update(x[t], *state) -> (spikes, *state)`, step by step."""
    out = []
    for now in x:
        s, *state = update(now, *state)
        out.append(s)
    return torch.stack(out)


def check_equal(ours, theirs, counts=False):
    firing = float((theirs > 0).double().mean())
    assert 0.02 < firing < 0.95, f"{firing:.2f} fire: the comparison says nothing"
    assert float(theirs.max()) > 1 if counts else float(theirs.max()) == 1
    assert torch.equal(ours, theirs.to(ours.dtype)), f"{int((ours != theirs).sum())} spikes differ"


def check_loop(row, update_loop, scale, dtype):
    """A row of the table against a plain loop written from the framework's equations."""
    neuron = made(row).to(dtype)
    x = currents(scale=scale)
    check_equal(neuron(x.to(dtype)).double(), update_loop(x), neuron.counts and neuron.most != 1)


def peer(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{name.partition('.')[0]} is not installed ({error})")


def built(code, *modules):
    """The framework's own neuron, from the code in the table."""
    names = {key: value for module in modules for key, value in vars(module).items() if key[:2] != "__"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(code, names)


def check_peer(ours, theirs, scale=1.0, gradient=True, dtype=torch.float32):
    """Spikes equal; gradients of a random sum equal to rounding."""
    mine = currents(dtype, scale).requires_grad_()
    other = mine.detach().clone().requires_grad_()
    spikes = ours(mine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs(other)
    check_equal(spikes.detach(), expected.detach(), getattr(ours, "counts", False))
    if gradient:
        cotangent = torch.randn(mine.shape, generator=torch.Generator().manual_seed(1))
        (spikes * cotangent).sum().backward()
        (expected * cotangent).sum().backward()
        error = float((mine.grad - other.grad).abs().max() / other.grad.abs().max())
        assert error < 1e-5, f"the gradient is off by {error:.1e} of its largest entry"


def stepping(cell, states):
    """A peer's cell, called once a timestep with its states."""

    def run(x):
        state, out = states(x[0]), []
        for now in x:
            s, *state = cell(now, *state)
            out.append(s)
        return torch.stack(out)

    return run


TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
