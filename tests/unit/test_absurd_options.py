"""Options that no file and no caller can mean: each is taken, or refused in our own words, at once."""

import inspect
import math
import time
from contextlib import suppress

import pytest
import torch

from spareto import networks, neurons, pruners, quantizers
from spareto.core.errors import SparetoError
from spareto.data import registry as datasets
from spareto.data.encoders import images
from spareto.neurons import surrogates
from spareto.pruners import schedules
from spareto.quantizers import rounding

HUGE = (10**5000, 10**300, -(10**300), 10**18, 2**63, 2**31, 10**9)
FLOATS = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324)
LISTS = ([], [10**300], [10**9], [65_536] * 3, [-1], [math.nan], (2, 10**9, 10**9), (10**300,) * 3, [[]])
KINDS = (-1, 0, 0.5, True, None, "x", "", "\ud800", "a" * 300, b"x", {}, {"a": 1}, 1j, ["lif"])
NEURONS = ({"name": "lif", "tau": math.nan}, {"name": "lif", "tau": 10**300}, {"name": ["lif"]}, {1: 2})
VALUES = (*HUGE, *FLOATS, *LISTS, *KINDS, *NEURONS)
SECONDS = 2.0
ROOMS = {
    "network": (networks.names(), networks.registry.get, networks.build),
    **{
        kind: (registry.names(), registry.get, registry.make)
        for kind, registry in {
            "neuron": neurons.registry,
            "surrogate": surrogates.registry,
            "quantizer": quantizers.registry,
            "rounding": rounding.registry,
            "pruner": pruners.registry,
            "schedule": schedules.registry,
            "data": datasets,
            "image coding": images.registry,
        }.items()
    },
}


def needed(kind, made_by):
    """Options that there is no default for."""
    if kind == "network":
        return {"sensor": (2, 16, 16), "classes": 4}
    return {"bits": made_by.bits_supported[0]} if kind == "quantizer" else {}


def used(kind, made):
    """What an option only shows when the thing is at work."""
    if kind == "schedule":
        made.updates(100, 0.5)
    elif kind == "neuron":
        made(torch.rand(2, 3, 4))
    elif kind == "quantizer":
        weight = torch.randn(4, 5)
        made.start(weight)
        made.decode(made.encode(weight)) + made(weight)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (names, *_) in ROOMS.items() for name in names]
)
def test_absurd_options_are_taken_or_refused(kind, name):
    _, get, make = ROOMS[kind]
    made_by = get(name)
    for option in inspect.signature(made_by).parameters:
        for value in VALUES:
            began = time.process_time()
            with suppress(SparetoError):
                used(kind, make(name, **{**needed(kind, made_by), option: value}))
            assert time.process_time() - began < SECONDS, (option, str(type(value)))


@pytest.mark.parametrize("room", ROOMS)
def test_absurd_names_are_unknown(room):
    for name in (10**5000, ["lif"], {"name": "lif"}, None, "", "../lif", "\x00", "\ud800", "a" * 10_000):
        with pytest.raises(SparetoError) as refused:
            ROOMS[room][2](name)
        assert len(str(refused.value)) < 2000
