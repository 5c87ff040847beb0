"""Whatever happens inside `undisturbed`, the network is afterwards what it was before."""

import random
from collections import deque

import numpy as np
import pytest
import torch
from torch import nn

from spareto.observing import undisturbed


class Keeping(nn.Module):
    """Keeps tensors in every kind of place."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(3), nn.Dropout(0.5)
        self.register_buffer("mem", torch.ones(2))
        self.register_buffer("none", None)
        self.plain, self.later = torch.ones(2), None
        self.queue, self.nested = [torch.ones(2)], {"a": [torch.ones(2)], "b": (torch.ones(2), deque([1]))}
        self.nested["self"] = self.nested
        self.count = 0

    def change(self):
        self.mem += 1
        self._buffers["mem"] = torch.zeros(5)
        self._buffers["none"] = torch.zeros(1)
        self.plain.add_(1)
        self.later = torch.zeros(3)
        self.extra = torch.zeros(3)
        self.queue.append(torch.zeros(1))
        self.queue[0].add_(1)
        self.nested["a"][0].mul_(7)
        self.nested["b"][1].append(2)
        self.nested["c"] = 3
        self.count += 1
        del self._modules["drop"]
        self.norm(torch.rand(4, 3))
        torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002


def held(network):
    """Values and identities of everything that `Keeping` holds."""
    one = torch.ones(2)
    values = (network.mem, network.plain, network.queue[0], network.nested["a"][0], network.nested["b"][0])
    assert all(torch.equal(value, one) for value in values)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    kept = (*map(id, values), len(network.queue), network.later, network.count, sorted(network.nested))
    return state, (*kept, list(network.nested["b"][1]), hasattr(network, "extra"), list(network._modules))


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_put_back(fails):
    network = Keeping()
    modes = {name: module.training for name, module in network.named_modules()}
    before, numbers = held(network), (torch.get_rng_state(), random.getstate())
    numpy_numbers = np.random.get_state()[1].tolist()  # noqa: NPY002
    try:
        with undisturbed(network, training=False):
            assert not any(module.training for module in network.modules())
            network.change()
            network.train()
            if fails:
                raise KeyError("whatever happens")
    except KeyError:
        assert fails
    after = held(network)
    assert before[1] == after[1]
    assert before[0].keys() == after[0].keys()
    assert all(torch.equal(value, after[0][name]) for name, value in before[0].items())
    assert {name: module.training for name, module in network.named_modules()} == modes
    assert torch.equal(torch.get_rng_state(), numbers[0])
    assert random.getstate() == numbers[1]
    assert np.random.get_state()[1].tolist() == numpy_numbers  # noqa: NPY002


def test_tensors_made_in_inference_are_put_back_too():
    network = nn.Module()
    with torch.inference_mode():
        network.mem = torch.ones(2)
    with undisturbed(network), torch.inference_mode():
        network.mem.add_(1)
    assert torch.equal(network.mem, torch.ones(2))


def test_hooks_are_not_its_concern():
    network = nn.Linear(2, 2)
    with undisturbed(network):
        network.register_forward_hook(lambda *_: None)
    assert len(network._forward_hooks) == 1
