"""Set-up of all tests; its place also makes `tests/` importable: `import factories`."""

import os
import sys

import pytest
from hypothesis import settings

# One thread: the same order of additions, and so the same bits. Torch reads it when imported.
os.environ["OMP_NUM_THREADS"] = "1"

# The machine may be busy training; a slow example is not a failing one. Continuous integration tries the same
# examples every time, people's machines look for new ones.
settings.register_profile("spareto", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("spareto")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """snnTorch lists every neuron in its class and resets them all: each test leaves the list as it was."""
    before = len(_listed())
    result = yield
    del _listed()[before:]
    return result


def _listed():
    neurons = sys.modules.get("snntorch._neurons.neurons")
    return neurons.SpikingNeuron.instances if neurons else []
