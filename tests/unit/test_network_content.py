"""A network of a user's own is known by what it is, whatever file its code read that from."""

import json

import pytest
import torch
import yaml
from torch import nn

from spareto.study.builders import builder_of
from spareto.study.config import StudyConfig
from spareto.study.content import content_of

CODE = """
import json
from pathlib import Path

import torch
from torch import nn


class Neuron(nn.Module):
    def __init__(self, beta, shape):
        super().__init__()
        self.settings = {"beta": [beta]}

    def forward(self, x):
        return x


def build():
    read = json.loads((Path(__file__).parent / "config.json").read_text())
    return nn.Sequential(nn.Linear(4, read["hidden"]), Neuron(read["beta"], read["shape"]))
"""


def fingerprint(folder, **config):
    (folder / "config.json").write_text(json.dumps({"hidden": 3, "beta": 0.9, "shape": 1, **config}))
    (folder / "mine.py").write_text(CODE)
    (folder / "study.yaml").write_text(yaml.safe_dump({"name": "s", "network": "mine.py:build"}))
    return builder_of(StudyConfig.load(folder / "study.yaml").network).hash


def test_a_file_that_the_code_reads_counts_by_what_it_changes(tmp_path):
    first = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == first
    assert fingerprint(tmp_path, hidden=4) != first
    assert fingerprint(tmp_path, beta=0.8) != first
    assert fingerprint(tmp_path, shape=2) == first  # nothing in the network follows from it


class Holding(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (True, 1),
        ("a", b"a"),
        ([1, [2]], [1, [3]]),
        ({"a": 1}, {"b": 1}),
        (torch.ones(2), torch.ones(2).double()),
        (torch.zeros(2), torch.zeros(1, 2)),
        (torch.relu, torch.tanh),
        (nn.ReLU, nn.Tanh),
    ],
)
def test_whatever_a_module_holds_counts(one, other):
    found = [content_of(lambda value=value: Holding(value)) for value in (one, other, one)]
    assert found[0] == found[2] != found[1]


def test_what_is_drawn_from_elsewhere_is_left_out_and_torchs_numbers_go_on():
    import time

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    found = {content_of(lambda: Holding(time.perf_counter_ns())) for _ in range(3)}
    assert len(found) == 1
    assert torch.equal(torch.rand(1), expected)


def test_networks_without_numbers_have_a_content_too():
    with torch.device("meta"):
        assert content_of(lambda: nn.Linear(2, 3)) != content_of(lambda: nn.Linear(3, 2))
    assert content_of(lambda: nn.LazyLinear(3)) != content_of(lambda: nn.LazyLinear(4))


SHARED = nn.Softplus()
"""As default arguments are: one module in all networks that leave it out."""


def test_the_mode_of_a_module_that_networks_share_does_not_count():
    def build():
        return nn.Sequential(nn.Linear(2, 2), SHARED)

    before = content_of(build)
    build().eval()
    assert content_of(build) == before
